package ndjson

import (
	"bytes"
	"iter"
)

// Block holds complete lines of one input. It belongs to the caller of Next until Release.
type Block struct {
	Data      []byte // the lines with their line feeds; the last line of an input may have none
	File      string // name of the input
	FirstLine int64  // number of the first line, counted from 1
	Offset    int64  // of Data in the input, in bytes after decompression
	Index     int64  // number of the block among all of the reader, counted from 0 without gaps

	buf    []byte // what was read
	own    []byte // the memory of buf, all of it
	reader *Reader
}

// Lines yields the lines that are not blank, each with its number in the file and without its line end. The lines are
// slices of Data.
func (b *Block) Lines() iter.Seq2[int64, []byte] { return Lines(b.Data, b.FirstLine) }

// Release returns the block's memory for reuse. Neither the block nor slices of Data may be used afterwards. Any
// goroutine may call it, once for each block, also after the reader is closed. A block that is not released is
// garbage collected.
func (b *Block) Release() {
	r := b.reader
	if r == nil {
		return
	}
	b.Data, b.buf, b.reader = nil, nil, nil
	if cap(b.own) > 4*max(r.cfg.BlockSize, DefaultBlockSize) {
		return // grown for one long line; too large to keep
	}
	blocks.Put(b)
}

// Lines yields the lines of data that are not blank, without their line end (a line feed, or a carriage return and a
// line feed). The first line of data has the number first.
func Lines(data []byte, first int64) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		for number := first; len(data) > 0; number++ {
			line := data
			if end := bytes.IndexByte(data, '\n'); end >= 0 {
				line, data = data[:end:end], data[end+1:]
			} else {
				data = nil
			}
			if len(line) > 0 && line[len(line)-1] == '\r' {
				line = line[:len(line)-1]
			}
			if !blank(line) && !yield(number, line) {
				return
			}
		}
	}
}

// blank reports whether line is white space of JSON only.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}
