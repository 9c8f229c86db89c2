package fhir

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// limited reads at most n bytes and fails with ErrTooLarge if there are more.
type limited struct {
	r io.Reader
	n int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.n+1 {
		p = p[:l.n+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.n {
		return int(l.n), faultf(ErrTooLarge, "more bytes than Config.MaxBodyBytes")
	}
	l.n -= int64(n)
	return n, err
}

// counted counts compressed bytes as they are read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// expanded fails with ErrTooLarge once out has more than ratio times the bytes of in.
type expanded struct {
	out   io.Reader
	in    *counted
	ratio int64
	n     int64
}

// ratioFloor is the size up to which the compression ratio is not checked.
const ratioFloor = 1 << 20

func (e *expanded) Read(p []byte) (int, error) {
	n, err := e.out.Read(p)
	e.n += int64(n)
	if e.n > ratioFloor && e.n/max(e.in.n, 1) > e.ratio {
		return 0, faultf(ErrTooLarge, "compressed more than Config.MaxCompressionRatio")
	}
	return n, err
}

// decoded returns the body of a response without its content coding. Gzip is decoded here because net/http would hide
// the number of compressed bytes.
func decoded(resp *http.Response, ratio int) (io.Reader, error) {
	switch coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
		return resp.Body, nil
	case "gzip", "x-gzip":
		if resp.ContentLength == 0 {
			return http.NoBody, nil // also of 204 and 304
		}
		in := &counted{r: resp.Body}
		out, err := gzip.NewReader(in)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return &expanded{out: out, in: in, ratio: int64(ratio)}, nil
	}
	return nil, faultf(ErrNotFHIR, "content coding that was not requested")
}

// byteOrderMark precedes the JSON of some servers. RFC 8259 section 8.1 lets parsers ignore it.
var byteOrderMark = []byte("\ufeff")

// readBody reads and closes a body of at most most bytes, and removes a byte order mark.
func readBody(resp *http.Response, most int64, ratio int) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength > most {
		return nil, faultf(ErrTooLarge, "more bytes than Config.MaxBodyBytes")
	}
	r, err := decoded(resp, ratio)
	if err == nil {
		var buf bytes.Buffer
		// Content-Length decides the buffer's size up to 1 MiB; beyond that it is not trusted.
		buf.Grow(int(min(max(resp.ContentLength, 512), 1<<20)) + bytes.MinRead)
		_, err = buf.ReadFrom(&limited{r, most})
		if err == nil {
			return bytes.TrimPrefix(buf.Bytes(), byteOrderMark), nil
		}
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, faultf(ErrTruncated, "the connection ended within the body")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return nil, faultf(ErrTruncated, "damaged gzip")
	}
	return nil, err
}
