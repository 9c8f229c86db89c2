//go:build !unix

package pgtest

import "context"

// Server is a PostgreSQL server for tests. It is available on Unix only.
type Server struct {
	// URL is the address of its database.
	URL string
}

// NewServer fails with [ErrNotInstalled].
func NewServer(context.Context, Options) (*Server, error) { return nil, ErrNotInstalled }

// Start does nothing here.
func (s *Server) Start(context.Context) error { return ErrNotInstalled }

// Stop does nothing here.
func (s *Server) Stop() error { return nil }

// Kill does nothing here.
func (s *Server) Kill() error { return nil }

// Close does nothing here.
func (s *Server) Close() error { return nil }
