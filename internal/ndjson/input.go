package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Input is a source of lines.
type Input struct {
	// Name identifies the input in blocks and errors, usually by the path of a file.
	Name string
	// Open is called when the reader reaches the input. Its result is closed after the input has been read.
	Open func() (io.ReadCloser, error)
}

// File returns the input that is the file at path, named by its path.
func File(path string) Input {
	return Input{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// Files returns the inputs that are the files at the paths, in that order.
func Files(paths ...string) []Input {
	inputs := make([]Input, len(paths))
	for i, path := range paths {
		inputs[i] = File(path)
	}
	return inputs
}

// Stream returns the input that is r. r is not closed.
func Stream(name string, r io.Reader) Input {
	return Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// The first bytes of compressed data: RFC 1952 section 2.3.1, RFC 8878 sections 3.1.1 and 3.1.2 (a skippable frame
// begins with any of 0x50 to 0x5F before skipMagic).
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	skipMagic = []byte{0x2a, 0x4d, 0x18}
)

const (
	// sourceBuffer is the size of one read of compressed data. Larger reads of plain data bypass the buffer.
	sourceBuffer = 64 << 10
	// maxWindow is the maximum memory that a zstd frame may request: the limit of the zstd program without --long.
	maxWindow = 128 << 20
)

// errEmpty is the error for an empty file whose name says that it is compressed: even compressed nothing has a header.
var errEmpty = errors.New("compressed file is empty")

// decoders are reused for all inputs.
type decoders struct {
	buffer *bufio.Reader
	gzip   *gzip.Reader
	zstd   *zstd.Decoder
}

// plain returns a reader of the decompressed src.
func (d *decoders) plain(src io.Reader, name string) (io.Reader, error) {
	if d.buffer == nil {
		d.buffer = bufio.NewReaderSize(src, sourceBuffer)
	} else {
		d.buffer.Reset(src)
	}
	magic, err := d.buffer.Peek(len(zstdMagic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		if d.gzip == nil {
			d.gzip, err = gzip.NewReader(d.buffer)
		} else {
			err = d.gzip.Reset(d.buffer)
		}
		return d.gzip, err
	case bytes.Equal(magic, zstdMagic), len(magic) == 4 && magic[0]>>4 == 5 && bytes.Equal(magic[1:], skipMagic):
		if d.zstd == nil {
			d.zstd, err = zstd.NewReader(d.buffer, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxWindow))
		} else {
			err = d.zstd.Reset(d.buffer)
		}
		return d.zstd, err
	case len(magic) == 0 && (strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".zst")):
		return nil, errEmpty
	}
	return d.buffer, nil
}

// close frees the decoders' memory.
func (d *decoders) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
	*d = decoders{}
}
