package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/ndjson"
)

// Dir returns a source over the files of a directory, in the order of their names: *.ndjson, and *.json with one
// resource, an array of resources, or a Bundle. Both may be compressed (.gz, .zst). Subdirectories are not read, and a
// file that has several names by symbolic links is read once.
//
// A file whose name begins with a resource type (Patient.ndjson, Patient.000.ndjson, Patient-1.ndjson.gz) is read only
// if that is the view's type, or Bundle. All other files are read, and their resources filtered by resourceType.
func Dir(path string) *FileSource { return &FileSource{dir: path, isDir: true} }

// Files returns a source over the given files. All are read, in the order given. A name that ends in .json, .json.gz
// or .json.zst is a JSON file, as for [Dir]; every other file is NDJSON. Compression is recognised by a file's first
// bytes.
func Files(paths ...string) *FileSource { return &FileSource{files: slices.Clone(paths)} }

// FileSource is a source over files; see [Dir] and [Files]. Any number of goroutines may use it.
type FileSource struct {
	dir   string
	isDir bool
	files []string
}

// Paths returns the files that a view of the resource type would read. It fails if the directory cannot be read or has
// no data files at all.
func (s *FileSource) Paths(resourceType string) ([]string, error) {
	if !s.isDir {
		return slices.Clone(s.files), nil
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, faultAt(s.dir, 0, cause(err))
	}
	var paths []string
	data := false
	real, seen := realPath(s.dir), make(map[string]bool)
	for _, e := range entries {
		if e.IsDir() || !isDataFile(e.Name()) {
			continue
		}
		data = true
		if !mayHold(e.Name(), resourceType) {
			continue
		}
		target := filepath.Join(real, e.Name())
		if e.Type()&fs.ModeSymlink != 0 {
			target = realPath(target)
		}
		if !seen[target] {
			seen[target] = true
			paths = append(paths, filepath.Join(s.dir, e.Name()))
		}
	}
	if !data {
		return nil, faultAt(s.dir, 0, errors.New("the directory holds no *.ndjson or *.json files"))
	}
	return paths, nil
}

// realPath returns an absolute path without symbolic links, as far as they can be resolved.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// Resources implements [Source].
func (s *FileSource) Resources(
	ctx context.Context, resourceType string, params url.Values,
) iter.Seq2[json.RawMessage, error] {
	return feedResources(ctx, s, resourceType, params)
}

// Identity implements [IdentifiedSource]: the files' names, sizes and times.
func (s *FileSource) Identity() (string, bool) {
	paths := s.files
	if s.isDir {
		entries, err := os.ReadDir(s.dir)
		if err != nil {
			return "", false
		}
		for _, e := range entries {
			if !e.IsDir() && isDataFile(e.Name()) {
				paths = append(paths, filepath.Join(s.dir, e.Name()))
			}
		}
	}
	h := sha256.New()
	fmt.Fprintln(h, s.isDir) // a directory's files are also chosen by their names
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || !info.Mode().IsRegular() {
			return "", false
		}
		if p, err = filepath.Abs(p); err != nil {
			return "", false
		}
		fmt.Fprintf(h, "%q %d %d\n", p, info.Size(), info.ModTime().UnixNano())
	}
	return "files " + hex.EncodeToString(h.Sum(nil)), true
}

// feed implements feeder.
func (s *FileSource) feed(_ context.Context, resourceType string, cfg *runConfig) (feed, error) {
	if len(cfg.params) > 0 {
		return nil, fmt.Errorf("runner: files: %w", ErrSearch)
	}
	paths, err := s.Paths(resourceType)
	if err != nil {
		return nil, err
	}
	return &fileFeed{paths: paths, cfg: ndjson.Config{BlockSize: cfg.blockSize}}, nil
}

// plainName strips the suffix of a compressed file.
func plainName(name string) string {
	name = strings.TrimSuffix(name, ".gz")
	return strings.TrimSuffix(name, ".zst")
}

func isDataFile(name string) bool {
	name = plainName(name)
	return !strings.HasPrefix(name, ".") && (isJSONFile(name) || strings.HasSuffix(name, ".ndjson"))
}

// isJSONFile reports whether a file is one JSON text, judging by its name.
func isJSONFile(name string) bool { return strings.HasSuffix(plainName(name), ".json") }

// mayHold reports whether a data file may have resources of a type, judging by its name.
func mayHold(name, resourceType string) bool {
	word := name
	for i, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			word = name[:i]
			break
		}
	}
	if word == resourceType || word == "Bundle" {
		return true
	}
	for _, v := range model.Versions() {
		m := model.Load(v)
		if t, ok := m.Type(word); ok && m.IsResource(t) && !m.IsAbstract(t) {
			return false
		}
	}
	return true
}

// fileFeed reads files one after the other.
type fileFeed struct {
	cfg ndjson.Config

	mu     sync.Mutex
	paths  []string
	lines  *ndjson.Reader // NDJSON files being read, or nil
	doc    *document      // JSON file being read, or nil
	index  int64
	closed bool
}

func (f *fileFeed) next(ctx context.Context) (*block, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.closed {
		b, err := f.step(ctx)
		if b != nil {
			b.index = f.index
			f.index++
			return b, nil
		}
		if err != nil {
			f.closed = true
			return nil, err
		}
	}
	return nil, io.EOF
}

// step returns the next block or an error. It returns neither when it has only opened or finished a file.
func (f *fileFeed) step(ctx context.Context) (*block, error) {
	switch {
	case f.lines != nil:
		nd, err := f.lines.Next(ctx)
		switch {
		case err == nil:
			return &block{data: nd.Data, file: nd.File, line: nd.FirstLine, owner: nd}, nil
		case err == io.EOF:
			err = f.lines.Close()
			f.lines = nil
			return nil, err
		case errors.Is(err, ndjson.ErrLineTooLong):
			var at *ndjson.Error
			errors.As(err, &at)
			return &block{fault: cause(err), at: Place{File: at.File, Line: at.Line, Index: -1}}, nil
		}
		return nil, err
	case f.doc != nil:
		if b := f.doc.block(); b != nil {
			return b, nil
		}
		f.doc = nil
		return nil, nil
	case len(f.paths) == 0:
		return nil, io.EOF
	case isJSONFile(f.paths[0]):
		path := f.paths[0]
		f.paths = f.paths[1:]
		return f.openJSON(ctx, path)
	}
	n := 0
	for n < len(f.paths) && !isJSONFile(f.paths[n]) {
		n++
	}
	f.lines = ndjson.NewReader(f.cfg, ndjson.Files(f.paths[:n]...)...)
	f.paths = f.paths[n:]
	return nil, nil
}

// openJSON reads a JSON file. If it has more than one JSON text, it is read as NDJSON.
func (f *fileFeed) openJSON(ctx context.Context, path string) (*block, error) {
	data, err := readFile(ctx, path)
	if err != nil {
		return nil, err
	}
	doc, err := readDocument(data, path)
	if errors.Is(err, errTrailing) {
		f.lines = ndjson.NewReader(f.cfg, ndjson.File(path))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f.doc = doc
	return nil, nil
}

func (f *fileFeed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.lines != nil {
		f.lines.Close()
		f.lines = nil
	}
}

// maxDocument is the maximum size of a JSON file after decompression. NDJSON files have no limit.
const maxDocument = 1 << 30

// readFile returns a whole file, decompressed.
func readFile(ctx context.Context, path string) ([]byte, error) {
	r := ndjson.NewReader(ndjson.Config{MaxLine: maxDocument}, ndjson.File(path))
	defer r.Close()
	var data []byte
	for b, err := range r.Blocks(ctx) {
		if err != nil {
			return nil, err
		}
		if len(data)+len(b.Data) > maxDocument {
			return nil, faultAt(path, 0, fmt.Errorf("%w: a JSON file may have at most %d bytes", ErrLimit, maxDocument))
		}
		data = append(data, b.Data...)
	}
	return data, nil
}

// cause strips the file name from an error, for a [SourceError] that names the file itself.
func cause(err error) error {
	var nd *ndjson.Error
	if errors.As(err, &nd) {
		err = nd.Err
	}
	if errors.Is(err, ndjson.ErrLineTooLong) {
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Reader returns a source over a stream of NDJSON, plain or compressed with gzip or zstd. Errors refer to it by name.
// A view can be run over it once.
func Reader(name string, r io.Reader) Source { return &readerSource{name: name, r: r} }

type readerSource struct {
	name string
	mu   sync.Mutex
	r    io.Reader
}

func (s *readerSource) Resources(
	ctx context.Context, resourceType string, params url.Values,
) iter.Seq2[json.RawMessage, error] {
	return feedResources(ctx, s, resourceType, params)
}

func (s *readerSource) feed(_ context.Context, _ string, cfg *runConfig) (feed, error) {
	if len(cfg.params) > 0 {
		return nil, fmt.Errorf("runner: %s: %w", s.name, ErrSearch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r == nil {
		return nil, fmt.Errorf("runner: %s: the stream has already been read", s.name)
	}
	r := s.r
	s.r = nil
	return &fileFeed{lines: ndjson.NewReader(ndjson.Config{BlockSize: cfg.blockSize}, ndjson.Stream(s.name, r))}, nil
}

// feedResources yields the single resources of a source that yields blocks, those of other types included.
func feedResources(
	ctx context.Context, src feeder, resourceType string, params url.Values,
) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		f, err := src.feed(ctx, resourceType, &runConfig{params: params})
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.close()
		for {
			b, err := f.next(ctx)
			if err == io.EOF {
				return
			}
			if err == nil && b.fault != nil {
				err = &SourceError{Place: b.at, Err: b.fault}
			}
			if err != nil {
				yield(nil, sourceError(err))
				return
			}
			for _, raw := range b.resources() {
				if !yield(raw, nil) {
					b.release()
					return
				}
			}
			b.release()
		}
	}
}
