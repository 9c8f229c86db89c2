package ndjson_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/internal/ndjson"
	"github.com/researchflow/researchflow/internal/testdata"
)

// BenchmarkLines reads a file in blocks of several sizes, and walks the lines.
func BenchmarkLines(b *testing.B) {
	zipped := testdata.Shared(b, "data", "large", "Encounter.ndjson.gz")
	var data []byte
	for block, err := range ndjson.NewReader(ndjson.Config{}, ndjson.File(zipped)).Blocks(b.Context()) {
		if err != nil {
			b.Fatal(err)
		}
		data = append(data, block.Data...)
	}
	data = bytes.Repeat(data, 4)
	plain := filepath.Join(b.TempDir(), "Encounter.ndjson")
	if err := os.WriteFile(plain, data, 0o600); err != nil {
		b.Fatal(err)
	}
	run := func(path string, size, bytes int) {
		b.Run(fmt.Sprintf("%s/%dK", filepath.Ext(path), size>>10), func(b *testing.B) {
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			for b.Loop() {
				r := ndjson.NewReader(ndjson.Config{BlockSize: size}, ndjson.File(path))
				lines := 0
				for {
					block, err := r.Next(b.Context())
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					for range block.Lines() {
						lines++
					}
					block.Release()
				}
				if err := r.Close(); err != nil || lines == 0 {
					b.Fatalf("%d lines, %v", lines, err)
				}
			}
		})
	}
	for _, size := range []int{32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20} {
		run(plain, size, len(data))
	}
	run(zipped, 256<<10, len(data)/4)
}
