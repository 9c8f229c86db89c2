package synth

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// DefaultPatients is the default number of patients.
const DefaultPatients = 200

// Config describes a population. The zero value is [DefaultPatients] patients from seed 0. It may be shared.
type Config struct {
	// Seed selects the population. Zero is a seed like any other.
	Seed uint64
	// Patients is the number of patients. Zero means DefaultPatients; a negative number is an error.
	Patients int
	// Until is the day of the last record, UTC; its time of day is ignored. Zero means 2025-12-31. It does not
	// come from a clock, so that the same data can be made at any time.
	Until time.Time
}

func (c Config) withDefaults() (Config, error) {
	if c.Patients < 0 {
		return c, fmt.Errorf("synth: patients is negative: %d", c.Patients)
	}
	if c.Patients == 0 {
		c.Patients = DefaultPatients
	}
	if c.Until.IsZero() {
		c.Until = time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	y, m, d := c.Until.UTC().Date()
	c.Until = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return c, nil
}

// Types returns the resource types of a population, in the order in which a patient's resources are made.
func Types() []string {
	return []string{
		"Organization", "Practitioner", "Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Procedure",
	}
}

// Resource is one FHIR resource.
type Resource struct {
	// Type is the resource type, ID the logical id.
	Type, ID string
	// JSON is the resource as one line without the line end.
	JSON []byte
}

// Resources yields the population: organisations and practitioners first, then patient by patient, each
// patient before what refers to it. It fails only for a Config that is not valid. One Config may be ranged
// over by several goroutines at once.
func Resources(cfg Config) iter.Seq2[Resource, error] {
	return func(yield func(Resource, error) bool) {
		cfg, err := cfg.withDefaults()
		if err != nil {
			yield(Resource{}, err)
			return
		}
		emit := func(rs []resource) bool {
			for _, r := range rs {
				kind, id := r.key()
				text, err := json.Marshal(r)
				if err != nil {
					yield(Resource{}, fmt.Errorf("synth: %s/%s: %w", kind, id, err))
					return false
				}
				if !yield(Resource{Type: kind, ID: id, JSON: text}, nil) {
					return false
				}
			}
			return true
		}
		staff := newStaff(cfg)
		if !emit(staff.resources()) {
			return
		}
		for i := range cfg.Patients {
			if !emit(newLife(cfg, i, staff).resources()) {
				return
			}
		}
	}
}

// Summary counts what was written.
type Summary struct {
	// Resources holds the number of resources by type.
	Resources map[string]int
	// Bytes is the size of all files.
	Bytes int64
}

// WriteDir writes a population as NDJSON to dir, one file per resource type (Patient.ndjson, ...). The folder is made
// if necessary. Files get their names when all are complete, so that a failed run leaves no partial file; files of an
// earlier run are replaced.
func WriteDir(dir string, cfg Config) (Summary, error) {
	sum := Summary{Resources: map[string]int{}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Summary{}, fmt.Errorf("synth: %w", err)
	}
	files := map[string]*partFile{}
	defer func() {
		for _, f := range files {
			f.discard()
		}
	}()
	for _, kind := range Types() { // also where there will be none: an earlier run may have had some
		f, err := newPartFile(filepath.Join(dir, kind+".ndjson"))
		if err != nil {
			return Summary{}, err
		}
		files[kind] = f
	}
	for r, err := range Resources(cfg) {
		if err != nil {
			return Summary{}, err
		}
		f := files[r.Type]
		f.w.Write(r.JSON)
		f.w.WriteByte('\n') // a failed write of a bufio.Writer is reported by Flush, in finish
		sum.Resources[r.Type]++
		sum.Bytes += int64(len(r.JSON)) + 1
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := files[name].close(); err != nil {
			return Summary{}, err
		}
	}
	for _, name := range names {
		if err := files[name].rename(); err != nil {
			return Summary{}, err
		}
	}
	return sum, nil
}

// partFile is a file under a temporary name beside its own.
type partFile struct {
	path string
	f    *os.File
	w    *bufio.Writer
	done bool
}

func newPartFile(path string) (*partFile, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return nil, fmt.Errorf("synth: %w", err)
	}
	return &partFile{path: path, f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (p *partFile) close() error {
	if err := errors.Join(p.w.Flush(), p.f.Chmod(0o644), p.f.Close()); err != nil {
		return fmt.Errorf("synth: %w", err)
	}
	return nil
}

func (p *partFile) rename() error {
	if err := os.Rename(p.f.Name(), p.path); err != nil {
		return fmt.Errorf("synth: %w", err)
	}
	p.done = true
	return nil
}

func (p *partFile) discard() {
	if !p.done {
		p.f.Close() // closed already or not: the file goes away
		os.Remove(p.f.Name())
	}
}
