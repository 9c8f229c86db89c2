package cache

import "errors"

// ErrClosed is returned by [Cache.GetOrLoad] once [Cache.Close] was called.
var ErrClosed = errors.New("cache: closed")

// errGoexit is given to the callers of a load that ended its goroutine (runtime.Goexit).
var errGoexit = errors.New("cache: the load function ended its goroutine")

// PanicError is what the callers of a load get when the load function panicked. The process goes on.
type PanicError struct {
	// Value is what the load function panicked with. It is not part of the error's text, since it may hold data.
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
