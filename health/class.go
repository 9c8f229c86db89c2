package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	probe "github.com/alexliesenfeld/health"
)

// Error classes in the bodies.
const (
	ClassTimeout      = "timeout"      // no answer in time
	ClassCancelled    = "cancelled"    // the check was stopped
	ClassRefused      = "refused"      // nobody listens
	ClassReset        = "reset"        // the connection broke
	ClassUnreachable  = "unreachable"  // no route
	ClassUnknownHost  = "unknown_host" // the name does not resolve
	ClassCertificate  = "certificate"  // TLS did not trust the other side
	ClassUnauthorized = "unauthorized" // credentials missing or refused
	ClassUnavailable  = "unavailable"  // the other side says that it cannot serve now
	ClassDiskFull     = "disk_full"    // no space left
	ClassPanic        = "panic"        // the check itself failed
	ClassNotChecked   = "not_checked"  // no check has completed yet
	ClassError        = "error"        // anything else
)

var errPanic = errors.New("health: check panicked")

// ErrorClass returns the class of an error: one word, without addresses, host names or the error's text. An error
// with a method ErrorClass() string names its own class (lower case letters, digits, underscores). The class of nil
// is "".
func ErrorClass(err error) string {
	if err == nil {
		return ""
	}
	var named interface{ ErrorClass() string }
	if errors.As(err, &named) {
		if class := named.ErrorClass(); isName(class) {
			return class
		}
	}
	var (
		netErr   net.Error
		dnsErr   *net.DNSError
		certErr  *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostErr  x509.HostnameError
		invalid  x509.CertificateInvalidError
		sqlState interface{ SQLState() string }
	)
	switch {
	case errors.Is(err, errPanic):
		return ClassPanic
	case errors.Is(err, probe.CheckTimeoutErr), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return ClassTimeout
	case errors.Is(err, context.Canceled):
		return ClassCancelled
	case errors.As(err, &certErr), errors.As(err, &unknown), errors.As(err, &hostErr), errors.As(err, &invalid):
		return ClassCertificate
	case errors.As(err, &dnsErr):
		if dnsErr.IsTimeout {
			return ClassTimeout
		}
		return ClassUnknownHost
	case errors.Is(err, syscall.ECONNREFUSED):
		return ClassRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return ClassUnreachable
	case errors.Is(err, syscall.ENOSPC):
		return ClassDiskFull
	case errors.As(err, &netErr) && netErr.Timeout():
		return ClassTimeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ClassReset
	case errors.As(err, &sqlState):
		return sqlClass(sqlState.SQLState())
	}
	return ClassError
}

// sqlClass classifies a SQLSTATE of PostgreSQL (appendix A of its manual).
func sqlClass(state string) string {
	switch {
	case strings.HasPrefix(state, "28"): // invalid authorization specification
		return ClassUnauthorized
	case state == "53100": // disk full
		return ClassDiskFull
	case strings.HasPrefix(state, "53"), strings.HasPrefix(state, "57P"): // insufficient resources, operator intervention
		return ClassUnavailable
	case state == "57014": // query cancelled, which is how a statement timeout shows
		return ClassTimeout
	case strings.HasPrefix(state, "08"): // connection exception
		return ClassReset
	}
	return ClassError
}
