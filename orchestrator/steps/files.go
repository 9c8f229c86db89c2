package steps

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/runner"
)

// fileFormat is a format of data files.
type fileFormat struct {
	extension string
	mediaType string
	writer    func(io.Writer) runner.Writer
	read      func(r io.Reader, columns []string, row func(values []string, null []bool) error) error
}

// formatOf returns how to write and read a format.
func formatOf(f orchestrator.Format) (fileFormat, error) {
	switch f {
	case orchestrator.CSV, "":
		return fileFormat{
			".csv", "text/csv; charset=utf-8",
			func(w io.Writer) runner.Writer { return runner.NewCSVWriter(w) }, readCSV,
		}, nil
	case orchestrator.NDJSON:
		return fileFormat{
			".ndjson", "application/x-ndjson",
			func(w io.Writer) runner.Writer { return runner.NewNDJSONWriter(w) }, readJSON,
		}, nil
	case orchestrator.JSON:
		return fileFormat{
			".json", "application/json",
			func(w io.Writer) runner.Writer { return runner.NewJSONWriter(w) }, readJSON,
		}, nil
	}
	return fileFormat{}, fmt.Errorf("%s is not a supported format", f)
}

// digest counts and hashes what is written through it.
type digest struct {
	w     io.Writer
	sum   hash.Hash
	bytes int64
}

func (d *digest) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.sum.Write(p[:n])
	d.bytes += int64(n)
	return n, err
}

// writeFile writes a file under a temporary name and renames it when it is complete and on disk. It returns its size
// and its SHA-256 in hex.
func writeFile(path string, mode os.FileMode, write func(io.Writer) error) (size int64, sum string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return 0, "", fmt.Errorf("steps: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	d := &digest{w: f, sum: sha256.New()}
	if err := write(d); err != nil {
		f.Close()
		return 0, "", err
	}
	if err := errors.Join(f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return 0, "", fmt.Errorf("steps: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, "", fmt.Errorf("steps: %w", err)
	}
	return d.bytes, hex.EncodeToString(d.sum.Sum(nil)), nil
}

// syncDir flushes the names in a folder to disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	return nil
}

// attemptName is the name of an attempt's folder.
func attemptName(step *orchestrator.StepContext) string {
	return fmt.Sprintf("visit-%d-token-%d", step.Request.Visit, step.Token)
}

// freshDir creates the folder of an attempt in a folder of its request, both for the owner only, and removes those of
// earlier attempts. It keeps the folder of a later attempt, by which this one has lost its lease.
func freshDir(parent string, step *orchestrator.StepContext) (string, error) {
	old, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("steps: %w", err)
	}
	name := attemptName(step)
	for _, o := range old {
		if o.Name() == name || attemptBefore(o.Name(), name) {
			if err := os.RemoveAll(filepath.Join(parent, o.Name())); err != nil {
				return "", fmt.Errorf("steps: %w", err)
			}
		}
	}
	dir := filepath.Join(parent, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("steps: %w", err)
	}
	return dir, nil
}

// attemptBefore says whether folder a belongs to an earlier attempt than folder b.
func attemptBefore(a, b string) bool {
	var av, at, bv, bt int64
	if n, err := fmt.Sscanf(a, "visit-%d-token-%d", &av, &at); n != 2 || err != nil {
		return false
	}
	if n, err := fmt.Sscanf(b, "visit-%d-token-%d", &bv, &bt); n != 2 || err != nil {
		return false
	}
	return av < bv || av == bv && at < bt
}
