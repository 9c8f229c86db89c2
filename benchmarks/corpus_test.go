package benchmarks

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// resourceTypes are the files that are measured one by one: those that the shared views read, and the
// one with the largest resources.
var resourceTypes = []string{"Observation", "Condition", "Encounter", "Patient", "ExplanationOfBenefit"}

// corpus is the large data set, decompressed into a temporary folder when it is first needed.
type corpus struct {
	once sync.Once
	dir  string
	err  error

	mu    sync.Mutex
	files map[string][]byte
}

var large corpus

// TestMain removes the folder of the decompressed data.
func TestMain(m *testing.M) {
	code := m.Run()
	if large.dir != "" {
		os.RemoveAll(large.dir)
	}
	os.Exit(code)
}

// largeDir returns a folder with the decompressed files of the large data set.
func largeDir(tb testing.TB) string {
	tb.Helper()
	from := testdata.Shared(tb, "data", "large")
	large.once.Do(func() {
		if large.dir, large.err = os.MkdirTemp("", "researchflow-benchmarks-"); large.err != nil {
			return
		}
		names, err := filepath.Glob(filepath.Join(from, "*.ndjson.gz"))
		for _, name := range names {
			if err == nil {
				err = decompress(filepath.Join(large.dir, strings.TrimSuffix(filepath.Base(name), ".gz")), name)
			}
		}
		large.err = err
	})
	if large.err != nil {
		tb.Fatal(large.err)
	}
	return large.dir
}

func decompress(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	zr, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, zr)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

// largeFile returns the bytes of one file of the large data set. They are read once for all benchmarks.
func largeFile(tb testing.TB, resourceType string) []byte {
	tb.Helper()
	dir := largeDir(tb)
	large.mu.Lock()
	defer large.mu.Unlock()
	if data, ok := large.files[resourceType]; ok {
		return data
	}
	data, err := os.ReadFile(filepath.Join(dir, resourceType+".ndjson"))
	if err != nil {
		tb.Fatal(err)
	}
	if large.files == nil {
		large.files = map[string][]byte{}
	}
	large.files[resourceType] = data
	return data
}

// lines returns the lines of NDJSON data without their line ends.
func lines(data []byte) [][]byte {
	all := make([][]byte, 0, bytes.Count(data, []byte{'\n'})+1)
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			all = append(all, line)
		}
	}
	return all
}
