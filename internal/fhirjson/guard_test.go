//go:build linux

package fhirjson

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// TestVectorReadsNothingOutsideOfTheSource parses sources that lie right between two pages that cannot be
// read: one byte too far ends the test program.
func TestVectorReadsNothingOutsideOfTheSource(t *testing.T) {
	t.Parallel()
	page := os.Getpagesize()
	const pages = 16
	memory, err := syscall.Mmap(-1, 0, (pages+2)*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skipf("SKIPPED: no anonymous memory: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{memory[:page], memory[(pages+1)*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Skipf("SKIPPED: no protected memory: %v", err)
		}
	}
	room := memory[page : (pages+1)*page]
	data, err := os.ReadFile(testdata.Shared(t, "data", "edge", "Patient.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	texts := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	texts = append(texts, []byte(`{"a":"b"}`), []byte(`["0123456789",1,true,false,null,-1.5e3]`), []byte(`{"id":"x","b":{"a":"\n"}}`))
	var vector, plain Tape
	for _, text := range texts {
		if len(text) > len(room) {
			text = text[:len(room)]
		}
		for size := len(text); size >= 0; size-- {
			first, last := room[:size:size], room[len(room)-size:]
			copy(first, text)
			compare(t, &vector, &plain, first, Limits{})
			copy(last, text)
			compare(t, &vector, &plain, last, Limits{})
			if size > 400 && size < len(text)-400 {
				size -= 37
			}
		}
	}
}
