package health_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/researchflow/researchflow/health"
)

type sqlError string

func (e sqlError) Error() string    { return "ERROR: canary (SQLSTATE " + string(e) + ")" }
func (e sqlError) SQLState() string { return string(e) }

type namedError string

func (e namedError) Error() string      { return "canary" }
func (e namedError) ErrorClass() string { return string(e) }

func TestErrorClass(t *testing.T) {
	t.Parallel()
	op := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://canary.internal/fhir?name=canary", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)}}
	}
	tests := []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("canary"), "error"},
		{context.DeadlineExceeded, "timeout"},
		{fmt.Errorf("canary: %w", os.ErrDeadlineExceeded), "timeout"},
		{op(syscall.ETIMEDOUT), "timeout"},
		{context.Canceled, "cancelled"},
		{op(syscall.ECONNREFUSED), "refused"},
		{op(syscall.ECONNRESET), "reset"},
		{op(syscall.EPIPE), "reset"},
		{io.ErrUnexpectedEOF, "reset"},
		{op(syscall.EHOSTUNREACH), "unreachable"},
		{op(syscall.ENETUNREACH), "unreachable"},
		{&net.DNSError{Name: "canary.internal", IsNotFound: true}, "unknown_host"},
		{&net.DNSError{Name: "canary.internal", IsTimeout: true}, "timeout"},
		{x509.UnknownAuthorityError{}, "certificate"},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "canary"}, "certificate"},
		{&os.PathError{Op: "write", Path: "/canary", Err: syscall.ENOSPC}, "disk_full"},
		{sqlError("28P01"), "unauthorized"},
		{sqlError("53300"), "unavailable"},
		{sqlError("53100"), "disk_full"},
		{sqlError("57P03"), "unavailable"},
		{sqlError("57014"), "timeout"},
		{sqlError("08006"), "reset"},
		{sqlError("42P01"), "error"},
		{fmt.Errorf("fhir: %w", namedError("throttled")), "throttled"},
		{namedError("Canary: https://x"), "error"},
		{namedError(""), "error"},
	}
	for _, tt := range tests {
		got := health.ErrorClass(tt.err)
		if got != tt.want {
			t.Errorf("ErrorClass(%T %v) = %q, want %q", tt.err, tt.err, got, tt.want)
		}
		if strings.Contains(strings.ToLower(got), "canary") {
			t.Errorf("ErrorClass(%T) leaks: %q", tt.err, got)
		}
	}
}
