package cache

import "errors"

// ErrClosed is returned by [Cache.GetOrLoad] after [Cache.Close].
var ErrClosed = errors.New("cache: closed")

// errGoexit is the error of a load that called runtime.Goexit.
var errGoexit = errors.New("cache: the load function ended its goroutine")

// PanicError is the error of a load whose function panicked. The process continues.
type PanicError struct {
	// Value is the value of the panic. It is not part of the error's text, since it may contain data.
	Value any
	// Stack is the stack of the panic.
	Stack []byte
}

// Error names the fault and nothing else.
func (e *PanicError) Error() string { return "cache: the load function panicked" }

// Unwrap returns the panic's value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
