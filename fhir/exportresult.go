package fhir

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ExportResult is a finished export. Any number of goroutines may read it.
type ExportResult struct {
	// TransactionTime is the server's time of the data.
	TransactionTime time.Time
	// Files are all files, with names below the export's directory.
	Files []ExportedFile
	// Outcomes are the OperationOutcomes of the error files, warnings among them.
	Outcomes []Outcome

	dir string
}

// Path returns where a file is.
func (r *ExportResult) Path(f ExportedFile) string { return filepath.Join(r.dir, f.Name) }

// Resources yields the exported resources of a type, each once, since exports of groups may repeat resources. It makes
// the result a source for a view runner. Files cannot be searched, so params must be empty.
//
// To recognise duplicates it keeps about 40 bytes for each resource.
func (r *ExportResult) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if len(params) > 0 {
			yield(nil, errors.New("fhir: export: files cannot be searched by parameters"))
			return
		}
		seen := make(map[[16]byte]uint64)
		for line, err := range r.lines(ctx, kindOutput, resourceType) {
			if err != nil {
				yield(nil, err)
				return
			}
			head, err := parseResource(line)
			if err != nil {
				yield(nil, fmt.Errorf("fhir: export: a file has changed: %w", err))
				return
			}
			if head.id != "" {
				sum := sha256.Sum256([]byte(head.id))
				key, version := [16]byte(sum[:16]), maphash.String(versions, head.version)
				if before, known := seen[key]; known && before == version {
					continue
				}
				seen[key] = version
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// Deleted yields the resources that were deleted since the export's _since, as "Type/id". The host must delete them
// from earlier exports.
func (r *ExportResult) Deleted(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for line, err := range r.lines(ctx, kindDeleted, "") {
			if err != nil {
				yield("", err)
				return
			}
			var b struct {
				Entry []struct {
					Request struct {
						Method string `json:"method"`
						URL    string `json:"url"`
					} `json:"request"`
				} `json:"entry"`
			}
			if err := json.Unmarshal(line, &b); err != nil {
				yield("", errors.New("fhir: export: a deleted file contains a malformed Bundle"))
				return
			}
			for _, e := range b.Entry {
				typ, id, ok := strings.Cut(e.Request.URL, "/")
				if e.Request.Method != "DELETE" || !ok || !isType(typ) || !isID(id) {
					yield("", errors.New("fhir: export: a deleted file contains an entry that does not delete a resource"))
					return
				}
				if !yield(e.Request.URL, nil) {
					return
				}
			}
		}
	}
}

// readOutcomes reads the error files and returns the outcomes that report missing data, as one.
func (r *ExportResult) readOutcomes() (failed *Outcome, err error) {
	const most = 1000 // the files stay for whoever wants all
	for line, err := range r.lines(context.Background(), kindError, "") {
		if err != nil {
			return nil, err
		}
		o := parseOutcome(line)
		if o == nil {
			o = &Outcome{Issues: []Issue{{Severity: "error", Code: "unknown"}}}
		}
		if len(r.Outcomes) < most {
			r.Outcomes = append(r.Outcomes, *o)
		}
		if o.failed() {
			if failed == nil {
				failed = &Outcome{}
			}
			if len(failed.Issues) < maxIssues {
				failed.Issues = append(failed.Issues, o.Issues...)
			}
		}
	}
	return failed, nil
}

// lines yields the lines of the files of a kind and type ("": any).
func (r *ExportResult) lines(ctx context.Context, kind, typ string) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for _, f := range r.Files {
			if f.Kind == kind && (typ == "" || f.Type == typ) && !r.file(ctx, f, yield) {
				return
			}
		}
	}
}

func (r *ExportResult) file(ctx context.Context, f ExportedFile, yield func(json.RawMessage, error) bool) bool {
	file, err := os.Open(r.Path(f))
	if err != nil {
		return yield(nil, fmt.Errorf("fhir: export: %w", err)) && false
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return true
		}
		if err != nil {
			return yield(nil, fmt.Errorf("fhir: export: %s: %w", filepath.Base(f.Name), err)) && false
		}
		if !yield(bytes.TrimSuffix(line, []byte("\n")), nil) {
			return false
		}
	}
}
