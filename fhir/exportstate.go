package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ExportState is what an export needs to be resumed after a crash. It contains the server's status URL, which may be a
// secret, and no patient data.
type ExportState struct {
	Request   string            `json:"request,omitempty"`    // digest of the request under way
	StatusURL string            `json:"status_url,omitempty"` // "": no export is under way
	ETag      string            `json:"etag,omitempty"`       // of the manifest
	Manifest  []json.RawMessage `json:"manifest,omitempty"`   // its pages, once the export is complete
	Files     []ExportedFile    `json:"files,omitempty"`      // those that are complete
	// Watermark is the transactionTime of the last complete export, and the _since of the next incremental one.
	Watermark time.Time `json:"watermark,omitzero"`
	// Last is the last export that ended, for [LastExport].
	Last *EndedExport `json:"last,omitempty"`
}

// EndedExport describes a finished export.
type EndedExport struct {
	TransactionTime time.Time      `json:"transaction_time"`
	Files           []ExportedFile `json:"files"`
}

// ExportedFile is a completely downloaded file of an export.
type ExportedFile struct {
	Kind   string `json:"kind"` // output, deleted or error
	Type   string `json:"type"` // resource type of its lines
	Name   string `json:"name"` // below ExportConfig.Dir
	Lines  int64  `json:"lines"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of the file, in hexadecimal digits
	Key    string `json:"key"`    // tells it from the others of the manifest, also when URLs were signed anew
}

// ExportStore keeps the [ExportState] of one series of exports. A saved state must survive a crash. One export at a
// time uses a store.
type ExportStore interface {
	// Load returns the state; the zero state when there is none yet.
	Load(ctx context.Context) (ExportState, error)
	Save(ctx context.Context, state ExportState) error
}

// FileExportStore returns an [ExportStore] that keeps the state in a file.
func FileExportStore(path string) ExportStore { return fileStore(path) }

type fileStore string

func (f fileStore) Load(context.Context) (state ExportState, err error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("fhir: export state: %w", err)
	}
	if err := json.Unmarshal(b, &state); err != nil {
		return ExportState{}, fmt.Errorf("fhir: export state: %s is damaged", filepath.Base(string(f)))
	}
	return state, nil
}

func (f fileStore) Save(_ context.Context, state ExportState) error {
	b, err := json.MarshalIndent(state, "", " ")
	if err == nil {
		err = writeFile(string(f), b)
	}
	if err != nil {
		return fmt.Errorf("fhir: export state: %w", err)
	}
	return nil
}

// partPrefix is the prefix of incomplete files.
const partPrefix = ".part-"

// writeFile replaces a file atomically: after a crash it has either the old or the new content.
func writeFile(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), partPrefix+"*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	return commit(tmp, path, err)
}

// commit makes a temporary file durable and gives it its name; with an error it removes the file instead.
func commit(tmp *os.File, path string, err error) error {
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // what counts is the first error
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
