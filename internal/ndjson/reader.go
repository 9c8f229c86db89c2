package ndjson

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
)

// Config configures a [Reader]. The zero value is ready to use.
type Config struct {
	// BlockSize is the maximum size of a block in bytes, unless one line is longer: 0 means [DefaultBlockSize]. It is at
	// least 16 bytes and at most MaxLine.
	BlockSize int
	// MaxLine is the maximum length of a line in bytes, without its line feed: 0 means [DefaultMaxLine]. A longer line
	// is an error. A long line needs at most about twice this in memory.
	MaxLine int
}

// Defaults of [Config].
const (
	DefaultBlockSize = 256 << 10
	DefaultMaxLine   = 64 << 20
)

const (
	minBlockSize = 16
	emptyReads   = 100 // reads of nothing before io.ErrNoProgress
)

var byteOrderMark = []byte("\ufeff")

// Reader reads complete lines from its inputs, one input after the other. Any number of goroutines may share it.
type Reader struct {
	cfg Config

	mu       sync.Mutex
	inputs   []Input // not yet opened
	current  *stream // nil: none
	decoders decoders
	index    int64
	closed   bool
}

// stream is the input that is being read.
type stream struct {
	name   string
	source io.Closer
	text   io.Reader
	rest   []byte // read but not yet returned
	line   int64  // number of the first line in rest
	offset int64  // of rest

	begun   bool  // the first bytes have been looked at for a byte order mark
	tooLong bool  // rest is inside a line that is to be passed over
	err     error // returned after rest
}

// NewReader returns a reader of the inputs. The first Next opens the first input.
func NewReader(cfg Config, inputs ...Input) *Reader {
	if cfg.BlockSize <= 0 {
		cfg.BlockSize = DefaultBlockSize
	}
	if cfg.MaxLine <= 0 {
		cfg.MaxLine = DefaultMaxLine
	}
	cfg.MaxLine = max(cfg.MaxLine, minBlockSize)
	cfg.BlockSize = min(max(cfg.BlockSize, minBlockSize), cfg.MaxLine)
	return &Reader{cfg: cfg, inputs: inputs}
}

// Next returns the next block, io.EOF after the last one, or an error.
//
// Every error of an input is an [*Error]. Next may be called again after it: after a line that is too long it
// continues with the next line, after any other error with the next input. All complete lines before the error have
// been returned by then. ctx is checked before a block is read, not while the input blocks.
func (r *Reader) Next(ctx context.Context) (*Block, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.closed {
			return nil, ErrClosed
		}
		if r.current == nil {
			if len(r.inputs) == 0 {
				return nil, io.EOF
			}
			input := r.inputs[0]
			r.inputs = r.inputs[1:]
			if err := r.open(input); err != nil {
				return nil, &Error{File: input.Name, Err: err}
			}
		}
		s := r.current
		b, err := r.read(ctx, s)
		if err == nil {
			return b, nil
		}
		if err == ctx.Err() {
			return nil, err
		}
		if !s.tooLong {
			r.leave()
		}
		if err != io.EOF {
			return nil, &Error{File: s.name, Line: s.line, Err: err}
		}
	}
}

// Blocks yields all blocks up to the end or the first error, which is the last element. Each block is released after
// the loop's body, which must not keep it.
func (r *Reader) Blocks(ctx context.Context) iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		for {
			b, err := r.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			more := yield(b, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
}

// Close closes the open input, if any, and drops the others. Blocks that were returned stay valid. It may be called
// twice.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.inputs = true, nil
	err := r.leave()
	r.decoders.close()
	return err
}

func (r *Reader) open(input Input) error {
	source, err := input.Open()
	if err != nil {
		return err
	}
	text, err := r.decoders.plain(source, input.Name)
	if err != nil {
		source.Close()
		return err
	}
	r.current = &stream{name: input.Name, source: source, text: text, line: 1}
	return nil
}

// leave closes the current input.
func (r *Reader) leave() error {
	if r.current == nil {
		return nil
	}
	err := r.current.source.Close()
	r.current = nil
	return err
}

// read returns the next block of s, io.EOF, or the error of line s.line.
func (r *Reader) read(ctx context.Context, s *stream) (*Block, error) {
	b := r.block(len(s.rest))
	if s.tooLong {
		if err := s.passLine(ctx, b.buf); err != nil {
			b.Release()
			return nil, err
		}
	}
	buf := append(b.buf[:0], s.rest...)
	s.rest = s.rest[:0]
	end := -1
	for {
		buf = s.fill(buf)
		end = bytes.LastIndexByte(buf, '\n') + 1
		if end > 0 || s.err != nil {
			break
		}
		if len(buf) > r.cfg.MaxLine {
			s.tooLong = true
			s.offset += int64(len(buf))
			b.Release()
			return nil, fmt.Errorf("%w: more than %d bytes", ErrLineTooLong, r.cfg.MaxLine)
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(2*cap(buf), r.cfg.MaxLine+1))
			copy(grown, buf)
			buf = grown
		}
	}
	if b.buf = buf; cap(buf) > cap(b.own) {
		b.own = buf
	}
	if s.err == io.EOF && len(buf)-end <= r.cfg.MaxLine {
		end = len(buf)
	}
	if end == 0 {
		b.Release()
		return nil, s.failure(len(buf), r.cfg.MaxLine)
	}
	s.rest = append(s.rest, buf[end:]...)
	b.Data, b.File, b.FirstLine, b.Offset, b.Index = buf[:end], s.name, s.line, s.offset, r.index
	s.line += int64(bytes.Count(b.Data, []byte{'\n'}))
	s.offset += int64(end)
	r.index++
	return b, nil
}

// failure returns why the last size bytes of the input are not a line.
func (s *stream) failure(size, maxLine int) error {
	if s.err == io.EOF && size > maxLine {
		return fmt.Errorf("%w: more than %d bytes", ErrLineTooLong, maxLine)
	}
	return s.err
}

// blocks are released blocks of any reader.
var blocks sync.Pool

// block returns a block to read into, with room for more than size bytes.
func (r *Reader) block(size int) *Block {
	b, _ := blocks.Get().(*Block)
	if b == nil {
		b = &Block{}
	}
	b.reader = r
	// No block has room for more than a line of the maximum length, so that longer lines are detected.
	room := min(max(r.cfg.BlockSize, size+minBlockSize), r.cfg.MaxLine+1)
	if cap(b.own) < room {
		b.own = make([]byte, 0, room)
	}
	b.buf = b.own[:0:room]
	return b
}

// fill reads until buf is full, or sets s.err. It removes a byte order mark at the beginning of the input.
func (s *stream) fill(buf []byte) []byte {
	for tries := 0; len(buf) < cap(buf) && s.err == nil; {
		n, err := s.text.Read(buf[len(buf):cap(buf)])
		buf, s.err = buf[:len(buf)+n], err
		if tries++; n > 0 {
			tries = 0
		} else if tries == emptyReads {
			s.err = io.ErrNoProgress
		}
	}
	if !s.begun {
		s.begun = true
		if bytes.HasPrefix(buf, byteOrderMark) {
			buf = buf[:copy(buf, buf[len(byteOrderMark):])]
			s.offset = int64(len(byteOrderMark))
		}
	}
	return buf
}

// passLine skips the rest of the current line, reading into buf, and keeps what follows.
func (s *stream) passLine(ctx context.Context, buf []byte) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf = s.fill(buf[:0])
		if end := bytes.IndexByte(buf, '\n') + 1; end > 0 {
			s.rest = append(s.rest[:0], buf[end:]...)
			s.offset += int64(end)
			s.tooLong = false
			s.line++
			return nil
		}
		s.offset += int64(len(buf))
		if s.err != nil {
			s.tooLong = false
			return s.err
		}
	}
}
