package fhirtest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// NewPipe starts a server that is reached through [Pipe.Dial] only: its connections are in memory, so that tests can
// run in a testing/synctest bubble, where time passes at once. The caller calls Close at the end of the bubble.
func NewPipe(tb testing.TB, opts ...Option) *Pipe {
	tb.Helper()
	p := &Pipe{
		Server: newServer(tb, opts),
		listen: &pipeListener{conns: make(chan net.Conn), gone: make(chan struct{})},
		done:   make(chan struct{}),
	}
	p.Server.base = "http://pipe.test"
	p.serve = &http.Server{Handler: p.Server}
	go func() {
		defer close(p.done)
		_ = p.serve.Serve(p.listen)
	}()
	return p
}

// Pipe is a [Server] without a network.
type Pipe struct {
	*Server
	serve  *http.Server
	listen *pipeListener
	done   chan struct{}
}

// Dial connects to the server, whatever the address.
func (p *Pipe) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.listen.conns <- server:
		return client, nil
	case <-p.listen.gone:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close ends the server and its connections.
func (p *Pipe) Close() {
	p.Server.Close()
	p.serve.Close()
	<-p.done
}

type pipeListener struct {
	conns chan net.Conn
	gone  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.gone) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
