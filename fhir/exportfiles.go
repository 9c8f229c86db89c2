package fhir

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// wanted is a file of the manifest with its place on disk.
type wanted struct {
	manifestFile
	url     *url.URL
	foreign bool // on another host than the base URL's
	token   bool
	name    string
	key     string
}

// plan gives each file of the manifest a name and a key. Of the server's text, only resource types, which are letters,
// become part of a name. A file that was downloaded keeps its name, because a manifest that is fetched again may list
// the files in another order.
func (e *exporter) plan(m *manifest) ([]wanted, error) {
	folder := e.folder(m)
	var files []wanted
	paths := make(map[string]int)
	for _, f := range m.files {
		u, ours, err := e.fileURL(f.url)
		if err != nil {
			return nil, err
		}
		w := wanted{manifestFile: f, url: u, foreign: !ours, token: ours && m.requiresToken}
		w.key = folder + " " + f.kind + " " + f.typ + " " + origin(u) + u.EscapedPath()
		paths[w.key]++
		files = append(files, w)
	}
	seen, current := make(map[string]int), make(map[string]bool)
	for i := range files {
		w := &files[i]
		// The query may be a signature, which changes. It counts only where files differ in nothing else; then a changed
		// query means another download.
		if paths[w.key] > 1 {
			w.key += "?" + w.url.RawQuery
		}
		seen[w.key]++
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", w.key, seen[w.key]))
		w.key = hex.EncodeToString(sum[:16])
		current[w.key] = true
	}

	names, taken := make(map[string]string), make(map[string]bool)
	for _, f := range e.state.Files {
		if current[f.Key] {
			names[f.Key], taken[f.Name] = f.Name, true
		}
	}
	for i := range files {
		w := &files[i]
		w.name = names[w.key]
		for n := i + 1; w.name == ""; n++ {
			if name := filepath.Join(folder, fmt.Sprintf("%s-%05d-%s.ndjson", w.kind, n, w.typ)); !taken[name] {
				w.name, taken[name] = name, true
			}
		}
	}
	return files, nil
}

// download fetches the missing files concurrently and returns how many are gone from the server.
func (e *exporter) download(ctx context.Context, m *manifest) (gone int, err error) {
	files, err := e.plan(m)
	if err != nil {
		return 0, err
	}
	if err := e.clean(m); err != nil {
		return 0, err
	}
	have := make(map[string]bool)
	kept := e.state.Files[:0:0]
	for _, f := range e.state.Files {
		current := slices.ContainsFunc(files, func(w wanted) bool { return w.key == f.Key })
		info, err := os.Stat(filepath.Join(e.cfg.Dir, f.Name))
		if current && err == nil && info.Size() == f.Bytes {
			have[f.Key] = true
			kept = append(kept, f)
		}
	}
	e.state.Files = kept

	var mu sync.Mutex // guards e.state and gone
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(e.cfg.MaxConcurrent)
	for _, w := range files {
		if have[w.key] {
			continue
		}
		group.Go(func() error {
			f, err := e.fetch(groupCtx, w)
			mu.Lock()
			defer mu.Unlock()
			var failure *Error
			if errors.As(err, &failure) && w.expired(failure.Status) {
				gone, e.refused = gone+1, failure
				return nil
			}
			if err != nil {
				return err
			}
			e.state.Files = append(e.state.Files, f)
			return e.save(groupCtx)
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return 0, err
	}
	slices.SortFunc(e.state.Files, func(a, b ExportedFile) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return gone, nil
}

// expired reports whether a status means that the URL of a file does not work (any more). File hosts use many statuses
// for an expired signature.
func (w wanted) expired(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	case http.StatusBadRequest, http.StatusUnauthorized:
		return w.foreign
	}
	return false
}

// folder returns the name of the export's directory. It is made from the status URL because two exports may have the
// same transactionTime.
func (e *exporter) folder(m *manifest) string {
	sum := sha256.Sum256([]byte(e.state.StatusURL))
	return m.transactionTime.UTC().Format("20060102T150405.000000000Z") + "-" + hex.EncodeToString(sum[:4])
}

// clean removes partial files of a killed process, since they contain patient data.
func (e *exporter) clean(m *manifest) error {
	folder := filepath.Join(e.cfg.Dir, e.folder(m))
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if err == nil && strings.HasPrefix(entry.Name(), partPrefix) {
			err = os.Remove(filepath.Join(folder, entry.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("fhir: export: %w", err)
	}
	return nil
}

// fetch downloads one file and retries if it is incomplete.
func (e *exporter) fetch(ctx context.Context, w wanted) (ExportedFile, error) {
	for attempt := 0; ; attempt++ {
		f, err := e.fetchOnce(ctx, w)
		passes := errors.Is(err, ErrTruncated) || errors.Is(err, ErrStalled) || errors.Is(err, ErrConnection)
		if err == nil || !passes || attempt >= e.c.cfg.MaxRetries || ctx.Err() != nil {
			return f, err
		}
		if err := sleep(ctx, e.c.pause(attempt, 0, false)); err != nil {
			return f, err
		}
	}
}

func (e *exporter) fetchOnce(ctx context.Context, w wanted) (f ExportedFile, err error) {
	q := &interaction{
		method: http.MethodGet, resourceType: "$export", url: w.url, idempotent: true, stream: true, anonymous: !w.token,
		header: http.Header{"Accept": {"application/fhir+ndjson"}},
	}
	a, err := e.c.do(ctx, q)
	if err != nil {
		return f, err
	}
	defer a.reader.Close()
	path := filepath.Join(e.cfg.Dir, w.name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return f, fmt.Errorf("fhir: export: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), partPrefix+"*")
	if err != nil {
		return f, fmt.Errorf("fhir: export: %w", err)
	}
	f = ExportedFile{Kind: w.kind, Type: w.typ, Name: w.name, Key: w.key}
	hash := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(tmp, hash))
	err = e.copyLines(out, a.reader, &f)
	if err == nil && w.count >= 0 && f.Lines != w.count {
		err = faultf(ErrTruncated, "the number of lines differs from the manifest")
	}
	if err == nil {
		err = out.Flush()
	}
	var failed *Error
	if err = commit(tmp, path, err); err == nil {
		f.SHA256 = hex.EncodeToString(hash.Sum(nil))
		return f, nil
	}
	var problem *fault
	switch {
	case ctx.Err() != nil:
		return f, ctx.Err()
	case errors.As(err, &failed):
		return f, failed
	case errors.As(err, &problem):
		return f, &Error{Method: q.method, ResourceType: "$export", Status: a.status, Attempts: 1, kinds: []error{problem.kind}, detail: problem.detail}
	}
	return f, fmt.Errorf("fhir: export: %w", err)
}

// copyLines copies NDJSON and checks that each line is a whole resource of the file's type.
func (e *exporter) copyLines(out *bufio.Writer, in io.Reader, f *ExportedFile) error {
	r := bufio.NewReaderSize(in, 64<<10)
	if mark, _ := r.Peek(len(byteOrderMark)); bytes.Equal(mark, byteOrderMark) {
		_, _ = r.Discard(len(mark)) // it is in the buffer
	}
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case int64(len(line)) > e.c.cfg.MaxBodyBytes:
			return faultf(ErrTooLarge, "a line has more bytes than Config.MaxBodyBytes")
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			var problem *fault
			if errors.As(err, &problem) {
				return problem
			}
			return faultf(ErrTruncated, "the connection ended within the file")
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			head, parseErr := parseResource(text)
			if parseErr != nil {
				return parseErr
			}
			if head.resourceType != f.Type {
				return faultf(ErrNotFHIR, "the resource type of a line differs from the manifest")
			}
			if _, err := out.Write(append(text, '\n')); err != nil {
				return err
			}
			f.Lines++
			f.Bytes += int64(len(text)) + 1
		}
		line = line[:0]
		if err != nil {
			return nil
		}
	}
}
