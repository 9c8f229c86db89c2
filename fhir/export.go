package fhir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ExportConfig says what to export and where to put it.
type ExportConfig struct {
	// Group is the id of a Group to export (Group/[id]/$export). "" with Patients exports all patients
	// (Patient/$export), without it the whole server ($export).
	Group    string
	Patients bool
	// Types restricts the export to resource types (_type). Nil means all.
	Types []string
	// TypeFilters are searches that restrict it further (_typeFilter), such as "Patient?gender=female".
	TypeFilters []string
	// Since restricts the export to changes since then (_since). Zero means everything or, with Incremental, the changes
	// since the last complete export.
	Since       time.Time
	Incremental bool

	// Dir is the directory for the files, created if necessary. Each export gets its own subdirectory.
	Dir string
	// Store keeps the state. Nil means a file named export.json in Dir.
	Store ExportStore
	// MaxConcurrent is the maximum number of concurrent downloads. Zero means 4. A host that answers 429 or 503 gets
	// fewer; see [Config].
	MaxConcurrent int
	// Progress, if not nil, is called with the server's X-Progress text while the server works.
	Progress func(text string)
}

const (
	exportConcurrency = 4
	maxPollPause      = 10 * time.Minute
	maxPollFailures   = 20 // in a row
	maxRefetches      = 3
	maxManifests      = 1000
)

var errExportGone = errors.New("the export is gone")

// Export runs a Bulk Data export (https://hl7.org/fhir/uv/bulkdata) to its end, or resumes the one in the store: the
// status URL is stored before the first poll, and complete files are not downloaded again. When ctx ends, the export
// can be resumed; [Client.CancelExport] abandons it.
//
// It returns when every file of the manifest is complete on disk: each line is JSON of the right type, and their number
// is that of the manifest. Then it stores the server's transactionTime as the watermark and deletes the export from the
// server. If the server reports errors in error files, the files are kept, the watermark does not change, and Export
// returns both the result and an error of kind [ErrExport].
//
// An export that failed according to its status URL ([ErrExport] without a result) stays in the store, because the
// answer may be a gateway's: the next Export polls again. [Client.CancelExport] makes room for a new one.
func (c *Client) Export(ctx context.Context, cfg ExportConfig) (*ExportResult, error) {
	e, err := c.newExport(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for restarts := 1; ; restarts-- {
		result, err := e.run(ctx)
		if !errors.Is(err, errExportGone) {
			return result, err
		}
		// The server no longer knows the stored export. The downloaded files belong to it.
		if err := e.reset(ctx); err != nil {
			return nil, err
		}
		if restarts == 0 {
			return nil, e.fault(ErrExpired, "the server has dropped the export")
		}
		c.log(ctx, slog.LevelWarn, e.interaction(http.MethodGet, nil), "fhir: the server has dropped the export; restarting it")
	}
}

// CancelExport abandons the export in a store: it deletes it from the server and from the store. Downloaded files stay.
// Without an export it does nothing.
func (c *Client) CancelExport(ctx context.Context, store ExportStore) error {
	state, err := store.Load(ctx)
	if err != nil || state.StatusURL == "" {
		return err
	}
	e := &exporter{c: c, cfg: ExportConfig{Store: store}, state: state}
	if err := e.delete(ctx); err != nil {
		return err
	}
	return e.reset(ctx)
}

// LastExport returns the last finished export of a store, for a host that crashed before it used the result, or nil.
// Dir is the directory of the export's files.
func LastExport(ctx context.Context, dir string, store ExportStore) (*ExportResult, error) {
	state, err := store.Load(ctx)
	if err != nil || state.Last == nil {
		return nil, err
	}
	result := &ExportResult{TransactionTime: state.Last.TransactionTime, Files: state.Last.Files, dir: dir}
	if _, err := result.readOutcomes(); err != nil {
		return nil, err
	}
	return result, nil
}

// exporter runs an export.
type exporter struct {
	c       *Client
	cfg     ExportConfig
	state   ExportState
	refused *Error // the response for the last missing file
}

func (c *Client) newExport(ctx context.Context, cfg ExportConfig) (*exporter, error) {
	e := &exporter{c: c, cfg: cfg}
	if cfg.Dir == "" {
		return nil, errors.New("fhir: export: no directory")
	}
	if cfg.Group != "" && !isID(cfg.Group) {
		return nil, e.fault(ErrRejected, "the group is not a logical id")
	}
	for _, t := range cfg.Types {
		if !isType(t) {
			return nil, e.fault(ErrRejected, "not a resource type")
		}
	}
	if e.cfg.MaxConcurrent <= 0 {
		e.cfg.MaxConcurrent = exportConcurrency
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("fhir: export: %w", err)
	}
	if cfg.Store == nil {
		e.cfg.Store = FileExportStore(filepath.Join(cfg.Dir, "export.json"))
	}
	var err error
	if e.state, err = e.cfg.Store.Load(ctx); err != nil {
		return nil, err
	}
	if e.state.StatusURL != "" && e.state.Request != e.digest() {
		return nil, e.fault(ErrRejected, "the store contains a different unfinished export")
	}
	return e, nil
}

// digest identifies an export request. It leaves out the watermark, which belongs to the store.
func (e *exporter) digest() string {
	b, err := json.Marshal([]any{e.c.base.String(), e.cfg.Group, e.cfg.Patients, e.cfg.Types, e.cfg.TypeFilters, e.cfg.Since, e.cfg.Incremental})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (e *exporter) interaction(method string, u *url.URL) *interaction {
	return &interaction{method: method, resourceType: "$export", url: u, idempotent: true, header: http.Header{"Accept": {"application/json"}}}
}

func (e *exporter) fault(kind error, detail string) error {
	return &Error{Method: http.MethodGet, ResourceType: "$export", kinds: []error{kind}, detail: detail}
}

func (e *exporter) save(ctx context.Context) error { return e.cfg.Store.Save(ctx, e.state) }

// reset removes the running export from the state and keeps the watermark.
func (e *exporter) reset(ctx context.Context) error {
	e.state = ExportState{Watermark: e.state.Watermark, Last: e.state.Last}
	return e.save(ctx)
}

func (e *exporter) run(ctx context.Context) (*ExportResult, error) {
	if e.state.StatusURL == "" {
		if err := e.kickOff(ctx); err != nil {
			return nil, err
		}
	}
	for refetches := 0; ; refetches++ {
		m, err := e.poll(ctx, refetches > 0)
		if err != nil {
			return nil, err
		}
		missing, err := e.download(ctx, m)
		if err != nil {
			return nil, err
		}
		if missing == 0 {
			return e.finish(ctx, m)
		}
		if refetches == maxRefetches {
			last := *e.refused
			last.kinds, last.detail = append([]error{ErrExpired}, last.kinds...), "files of the manifest are gone"
			return nil, &last
		}
		e.c.log(ctx, slog.LevelWarn, e.interaction(http.MethodGet, nil), "fhir: the manifest has expired; fetching it again", slog.Int("files", missing))
	}
}

// kickOff starts the export and stores its status URL.
func (e *exporter) kickOff(ctx context.Context) error {
	u := e.c.base.JoinPath("$export")
	switch {
	case e.cfg.Group != "":
		u = e.c.base.JoinPath("Group", e.cfg.Group, "$export")
	case e.cfg.Patients:
		u = e.c.base.JoinPath("Patient", "$export")
	}
	query := url.Values{"_outputFormat": {"application/fhir+ndjson"}}
	if len(e.cfg.Types) > 0 {
		query.Set("_type", strings.Join(e.cfg.Types, ","))
	}
	for _, f := range e.cfg.TypeFilters {
		query.Add("_typeFilter", f)
	}
	since := e.cfg.Since
	if e.cfg.Incremental && since.IsZero() {
		since = e.state.Watermark
	}
	if !since.IsZero() {
		query.Set("_since", since.Format(time.RFC3339Nano))
	}
	u.RawQuery = query.Encode()

	q := e.interaction(http.MethodGet, u)
	q.header = http.Header{"Accept": {mimeFHIR}, "Prefer": {"respond-async"}}
	// A refused kick-off may be repeated. One whose response was lost may have started an export.
	q.idempotent, q.repeatRefused = false, true
	q.accept = func(status int) bool { return status == http.StatusAccepted || status == http.StatusOK }
	q.decode = func(a *answer) error {
		if a.status != http.StatusAccepted {
			return e.c.unexpected(q, a, faultf(ErrNotFHIR, "the server does not export asynchronously"))
		}
		return nil
	}
	a, err := e.c.do(ctx, q)
	if err != nil {
		return err
	}
	location := a.header.Get("Content-Location")
	if location == "" {
		return e.fault(ErrNotFHIR, "the kick-off was answered without Content-Location")
	}
	status, err := resolve(a.url, location)
	if err == nil && !e.c.net.ours(status) {
		err = faultf(ErrForeignOrigin, "the status URL and the base URL differ in scheme, host or port")
	}
	if err != nil {
		return e.fail(err)
	}
	e.state.Request, e.state.StatusURL = e.digest(), status.String()
	e.state.ETag, e.state.Manifest, e.state.Files = "", nil, nil
	return e.save(ctx)
}

// fail makes an *Error from a fault that the client detected.
func (e *exporter) fail(err error) error {
	var f *fault
	if errors.As(err, &f) {
		return e.fault(f.kind, f.detail)
	}
	return err
}

// statusURL parses the stored status URL. It is checked because others may write to the store.
func (e *exporter) statusURL() (*url.URL, error) {
	u, err := url.Parse(e.state.StatusURL)
	if err != nil || u.User != nil || !e.c.net.ours(u) {
		return nil, e.fault(ErrForeignOrigin, "the stored status URL is not on this server")
	}
	return u, nil
}

// delete deletes the export from the server. A server without that interaction deletes it by itself later.
func (e *exporter) delete(ctx context.Context) error {
	u, err := e.statusURL()
	if err != nil {
		return err
	}
	q := e.interaction(http.MethodDelete, u)
	q.accept = func(status int) bool {
		return status/100 == 2 || slices.Contains([]int{
			http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed, http.StatusNotImplemented,
		}, status)
	}
	_, err = e.c.do(ctx, q)
	return err
}

// finish records a complete export.
func (e *exporter) finish(ctx context.Context, m *manifest) (*ExportResult, error) {
	result := &ExportResult{TransactionTime: m.transactionTime, Files: e.state.Files, dir: e.cfg.Dir}
	failed, err := result.readOutcomes()
	if err != nil {
		return nil, err
	}
	// The state is saved first: after a crash in between, the server deletes the export later. The other way round, the
	// export would have to be repeated.
	done := *e
	e.state = ExportState{Watermark: e.state.Watermark, Last: &EndedExport{TransactionTime: m.transactionTime, Files: result.Files}}
	if failed == nil {
		e.state.Watermark = m.transactionTime
	}
	if err := e.save(ctx); err != nil {
		return nil, err
	}
	if err := done.delete(ctx); err != nil {
		e.c.log(ctx, slog.LevelWarn, e.interaction(http.MethodDelete, nil), "fhir: cannot delete the export from the server", slog.Any("error", err))
	}
	if failed != nil {
		return result, &Error{
			Method: http.MethodGet, ResourceType: "$export", Status: http.StatusOK, Outcome: failed,
			kinds: []error{ErrExport}, detail: "the server could not export everything",
		}
	}
	return result, nil
}
