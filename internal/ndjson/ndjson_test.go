package ndjson_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/researchflow/researchflow/internal/ndjson"
)

// line is a line as a reader gives it.
type line struct {
	File   string
	Number int64
	Text   string
}

// readAll returns all lines and all errors of a reader, going on behind errors. It checks what is promised
// of every block.
func readAll(t *testing.T, r *ndjson.Reader) (lines []line, errs []error) {
	t.Helper()
	for index := int64(-1); ; {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			return lines, errs
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(b.Data) == 0 || index >= 0 && b.Index != index+1 {
			t.Errorf("block %d with %d bytes follows block %d", b.Index, len(b.Data), index)
		}
		index = b.Index
		for number, text := range b.Lines() {
			lines = append(lines, line{b.File, number, string(text)})
		}
		b.Release()
	}
}

func texts(lines []line) (all []string) {
	for _, l := range lines {
		all = append(all, l.Text)
	}
	return all
}

var blockSizes = []int{16, 17, 64, 1 << 10, 0, 8 << 20}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	tests := []struct {
		name, data string
		want       []line // without File
	}{
		{"nothing", "", nil},
		{"one line", "{}\n", []line{{"", 1, "{}"}}},
		{"no line feed at the end", "{}\n[]", []line{{"", 1, "{}"}, {"", 2, "[]"}}},
		{"one line without line feed", "{}", []line{{"", 1, "{}"}}},
		{"blank lines are counted", "\n\n{}\n \t\n\n[]\n\n", []line{{"", 3, "{}"}, {"", 6, "[]"}}},
		{"only line feeds", "\n\n\n", nil},
		{"CRLF", "{}\r\n\r\n[]\r\n1\r", []line{{"", 1, "{}"}, {"", 3, "[]"}, {"", 4, "1"}}},
		{"CR inside is kept", "a\rb\n", []line{{"", 1, "a\rb"}}},
		{"byte order mark", "\ufeff{}\n[]\n", []line{{"", 1, "{}"}, {"", 2, "[]"}}},
		{"only a byte order mark", "\ufeff", nil},
		{"byte order mark and line feed", "\ufeff\n{}", []line{{"", 2, "{}"}}},
		{"byte order mark later is kept", "{}\n\ufeff[]\n", []line{{"", 1, "{}"}, {"", 2, "\ufeff[]"}}},
		{"half a byte order mark is kept", "\xef\xbb\n", []line{{"", 1, "\xef\xbb"}}},
		{"NUL", "a\x00b\n\x00\n", []line{{"", 1, "a\x00b"}, {"", 2, "\x00"}}},
		{"invalid UTF-8", "\xff\n\x80", []line{{"", 1, "\xff"}, {"", 2, "\x80"}}},
		{"line separators of Unicode end no line", "a\u2028b\u0085c\vd\n", []line{{"", 1, "a\u2028b\u0085c\vd"}}},
		{"spaces around are kept", " {} \n", []line{{"", 1, " {} "}}},
		{
			"longer than a block", "a\n" + long + "\nb\n" + long + long,
			[]line{{"", 1, "a"}, {"", 2, long}, {"", 3, "b"}, {"", 4, long + long}},
		},
	}
	for _, tt := range tests {
		for _, size := range blockSizes {
			for _, format := range []string{"plain", "gzip", "zstd", "slow"} {
				var source io.Reader
				switch format {
				case "gzip":
					source = bytes.NewReader(gzipped(t, tt.data))
				case "zstd":
					source = bytes.NewReader(zstdFrame(t, tt.data))
				case "slow":
					source = iotest.DataErrReader(iotest.OneByteReader(strings.NewReader(tt.data)))
				default:
					source = strings.NewReader(tt.data)
				}
				r := ndjson.NewReader(ndjson.Config{BlockSize: size}, ndjson.Stream("", source))
				got, errs := readAll(t, r)
				if errs != nil {
					t.Errorf("%s, %s, blocks of %d: %v", tt.name, format, size, errs)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s, %s, blocks of %d (-want +got)\n%s", tt.name, format, size, diff)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func gzipped(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func zstdFrame(t testing.TB, data string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll([]byte(data), nil)
}

func TestCompressedInParts(t *testing.T) {
	t.Parallel()
	want := []string{"one", "two", "three"}
	skippable := []byte("\x51\x2a\x4d\x18\x03\x00\x00\x00abc")
	tests := []struct {
		name string
		data []byte
	}{
		{"gzip members", gzipped(t, "one\ntw", "", "o\nthree\n")},
		{"zstd frames", append(zstdFrame(t, "one\ntw"), zstdFrame(t, "o\nthree")...)},
		{"zstd behind a skippable frame", append(bytes.Clone(skippable), zstdFrame(t, "one\ntwo\nthree")...)},
	}
	for _, tt := range tests {
		got, errs := readAll(t, ndjson.NewReader(ndjson.Config{}, ndjson.Stream("x", bytes.NewReader(tt.data))))
		if errs != nil {
			t.Errorf("%s: %v", tt.name, errs)
		}
		if diff := cmp.Diff(want, texts(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("a.ndjson", []byte("1\n2"))
	misnamed := write("b.ndjson.gz", []byte("3\n"))
	zipped := write("c.ndjson", gzipped(t, "4\n5\n"))
	empty := write("d.ndjson", nil)
	emptyZip := write("e.ndjson.gz", nil)
	absent := filepath.Join(dir, "absent.ndjson")
	other := write("f.ndjson.zst", zstdFrame(t, "6\n"))
	again := write("g.ndjson", zstdFrame(t, "7\n"))
	zippedAgain := write("h.ndjson", gzipped(t, "8"))

	r := ndjson.NewReader(ndjson.Config{}, ndjson.Files(plain, misnamed, zipped, empty, emptyZip, absent, other, again, zippedAgain)...)
	defer r.Close()
	got, errs := readAll(t, r)
	want := []line{
		{plain, 1, "1"},
		{plain, 2, "2"},
		{misnamed, 1, "3"},
		{zipped, 1, "4"},
		{zipped, 2, "5"},
		{other, 1, "6"},
		{again, 1, "7"},
		{zippedAgain, 1, "8"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wantErrs := []string{
		"ndjson: " + emptyZip + ": compressed file is empty",
		"ndjson: " + absent + ": open: no such file or directory",
	}
	if diff := cmp.Diff(wantErrs, messages(errs)); diff != "" {
		t.Errorf("errors (-want +got)\n%s", diff)
	}
	if !errors.Is(errors.Join(errs...), os.ErrNotExist) {
		t.Error("the cause os.ErrNotExist is lost")
	}
}

func messages(errs []error) (all []string) {
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

func TestDamagedCompressedData(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 20_000 {
		many.WriteString(strings.Repeat("x", i%50))
		many.WriteString("\n")
	}
	zip, zst := gzipped(t, many.String()), zstdFrame(t, many.String())
	flipped := bytes.Clone(zip)
	flipped[len(flipped)-5] ^= 1 // in the checksum
	tests := []struct {
		name  string
		data  []byte
		cause error // nil: any
	}{
		{"gzip cut in the middle", zip[:len(zip)/2], io.ErrUnexpectedEOF},
		{"gzip cut by one byte", zip[:len(zip)-1], io.ErrUnexpectedEOF},
		{"gzip cut in the header", zip[:5], io.ErrUnexpectedEOF},
		{"gzip with a wrong checksum", flipped, nil},
		{"gzip and something else", append(bytes.Clone(zip), "more"...), nil},
		{"zstd cut in the middle", zst[:len(zst)/2], io.ErrUnexpectedEOF},
		{"zstd cut by one byte", zst[:len(zst)-1], io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		r := ndjson.NewReader(ndjson.Config{BlockSize: 1 << 10},
			ndjson.Stream("x.gz", bytes.NewReader(tt.data)), ndjson.Stream("y", strings.NewReader("last")))
		got, errs := readAll(t, r)
		if len(errs) != 1 {
			t.Errorf("%s: errors %v, want one", tt.name, errs)
			continue
		}
		var e *ndjson.Error
		if !errors.As(errs[0], &e) || e.File != "x.gz" || tt.cause != nil && !errors.Is(e, tt.cause) {
			t.Errorf("%s: %v, want %v in x.gz", tt.name, errs[0], tt.cause)
		}
		if len(got) == 0 || got[len(got)-1] != (line{"y", 1, "last"}) {
			t.Errorf("%s: the next input was not read", tt.name)
			continue
		}
		got = got[:len(got)-1]
		if n := len(got); n > 0 && e.Line <= got[n-1].Number {
			t.Errorf("%s: error in line %d, but line %d was handed out", tt.name, e.Line, got[n-1].Number)
		}
		for _, l := range got {
			if want := strings.Repeat("x", int(l.Number-1)%50); l.Text != want {
				t.Errorf("%s: line %d is %q, want %q", tt.name, l.Number, l.Text, want)
				break
			}
		}
	}
}

func TestLineTooLong(t *testing.T) {
	t.Parallel()
	const maxLine = 100
	fits, over := strings.Repeat("f", maxLine), strings.Repeat("o", maxLine+1)
	huge := strings.Repeat("h", 5000)
	tests := []struct {
		name, data string
		want       []line
		errLines   []int64
	}{
		{"just fits", fits + "\n" + fits + "\r\n" + fits, []line{{"x", 1, fits}, {"x", 3, fits}}, []int64{2}},
		{"one byte over", "a\n" + over + "\nb", []line{{"x", 1, "a"}, {"x", 3, "b"}}, []int64{2}},
		{"huge", "a\n" + huge + "\nb\n", []line{{"x", 1, "a"}, {"x", 3, "b"}}, []int64{2}},
		{"first", huge + "\nb\n" + fits, []line{{"x", 2, "b"}, {"x", 3, fits}}, []int64{1}},
		{"last without line feed", "a\n" + over, []line{{"x", 1, "a"}}, []int64{2}},
		{"last and huge without line feed", "a\n" + huge, []line{{"x", 1, "a"}}, []int64{2}},
		{"last with line feed", "a\n" + huge + "\n", []line{{"x", 1, "a"}}, []int64{2}},
		{"several", huge + "\n" + over + "\n\nc\n" + huge, []line{{"x", 4, "c"}}, []int64{1, 2, 5}},
		{"behind a byte order mark", "\ufeff" + fits + "\n" + over, []line{{"x", 1, fits}}, []int64{2}},
	}
	for _, tt := range tests {
		for _, size := range blockSizes {
			r := ndjson.NewReader(ndjson.Config{BlockSize: size, MaxLine: maxLine}, ndjson.Stream("x", strings.NewReader(tt.data)))
			got, errs := readAll(t, r)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s, blocks of %d (-want +got)\n%s", tt.name, size, diff)
			}
			var errLines []int64
			for _, err := range errs {
				var e *ndjson.Error
				if !errors.As(err, &e) || e.File != "x" || !errors.Is(err, ndjson.ErrLineTooLong) {
					t.Errorf("%s: %v, want ErrLineTooLong in x", tt.name, err)
					continue
				}
				errLines = append(errLines, e.Line)
			}
			if diff := cmp.Diff(tt.errLines, errLines); diff != "" {
				t.Errorf("%s, blocks of %d: lines of the errors (-want +got)\n%s", tt.name, size, diff)
			}
		}
	}
	r := ndjson.NewReader(ndjson.Config{MaxLine: maxLine}, ndjson.Stream("x", strings.NewReader(over)))
	if _, err := r.Next(t.Context()); err == nil || err.Error() != "ndjson: x:1: line too long: more than 100 bytes" {
		t.Errorf("Error = %v", err)
	}
}

func TestOffsets(t *testing.T) {
	t.Parallel()
	data := "\ufeffone\n" + strings.Repeat("x", 1000) + "\ntwo\nthree\n" + strings.Repeat("y", 40) + "\nfour"
	for _, maxLine := range []int{100, 2000} {
		r := ndjson.NewReader(ndjson.Config{BlockSize: 16, MaxLine: maxLine}, ndjson.Stream("x", strings.NewReader(data)))
		for {
			b, err := r.Next(t.Context())
			if err == io.EOF {
				break
			}
			if errors.Is(err, ndjson.ErrLineTooLong) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(b.Data), data[b.Offset:b.Offset+int64(len(b.Data))]; got != want {
				t.Errorf("MaxLine %d: block at %d holds %q, want %q", maxLine, b.Offset, got, want)
			}
			b.Release()
		}
	}
}

func TestReadError(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	source := io.MultiReader(strings.NewReader("one\ntwo\nthr"), iotest.ErrReader(boom))
	got, errs := readAll(t, ndjson.NewReader(ndjson.Config{}, ndjson.Stream("x", source)))
	if diff := cmp.Diff([]line{{"x", 1, "one"}, {"x", 2, "two"}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ndjson: x:3: boom"}, messages(errs)); diff != "" || !errors.Is(errs[0], boom) {
		t.Errorf("errors (-want +got)\n%s", diff)
	}
	stuck := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, errs := readAll(t, ndjson.NewReader(ndjson.Config{}, ndjson.Stream("x", stuck))); len(errs) != 1 || !errors.Is(errs[0], io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v, want io.ErrNoProgress", errs)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestCancellation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := ndjson.NewReader(ndjson.Config{BlockSize: 16, MaxLine: 32},
		ndjson.Stream("x", strings.NewReader("a\nb\n"+strings.Repeat("x", 1<<16)+"\nc\n")))
	if _, err := r.Next(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(ctx); !errors.Is(err, ndjson.ErrLineTooLong) {
		t.Fatalf("Next = %v, want ErrLineTooLong", err)
	}
	cancel()
	if _, err := r.Next(ctx); err != context.Canceled {
		t.Errorf("Next = %v, want context.Canceled", err)
	}
	got, errs := readAll(t, r) // with a live context reading goes on
	if len(errs) > 0 || len(got) != 1 || got[0].Text != "c" || got[0].Number != 4 {
		t.Errorf("behind the cancellation: %v, %v; want line 4", got, errs)
	}
}

// closer counts how often it was closed.
type closer struct {
	io.Reader
	closed *int
}

func (c closer) Close() error { *c.closed++; return nil }

func TestInputsAreClosedOnce(t *testing.T) {
	t.Parallel()
	closed := 0
	input := func(data string) ndjson.Input {
		return ndjson.Input{Name: "x", Open: func() (io.ReadCloser, error) {
			return closer{strings.NewReader(data), &closed}, nil
		}}
	}
	r := ndjson.NewReader(ndjson.Config{}, input("a\n"), input("\x1f\x8b\x00"), input("b\n"), input("never opened"))
	for _, want := range []int{0, 2} { // the block of a; the bad header, when a has been left
		if _, err := r.Next(t.Context()); want == 0 && err != nil {
			t.Fatal(err)
		}
		if closed != want {
			t.Errorf("%d inputs closed, want %d", closed, want)
		}
	}
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if closed != 3 {
		t.Errorf("%d inputs closed, want 3", closed)
	}
	if _, err := r.Next(t.Context()); err != ndjson.ErrClosed {
		t.Errorf("Next after Close = %v, want ErrClosed", err)
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	data := strings.Repeat("0123456789\n", 100)
	r := ndjson.NewReader(ndjson.Config{BlockSize: 64}, ndjson.Stream("x", io.MultiReader(strings.NewReader(data), iotest.ErrReader(boom))))
	var got strings.Builder
	var last error
	for b, err := range r.Blocks(t.Context()) {
		if last != nil {
			t.Error("an element behind the error")
		}
		if last = err; err == nil {
			got.Write(b.Data)
		}
	}
	if !errors.Is(last, boom) || got.String() != data {
		t.Errorf("got %d bytes and %v, want %d and boom", got.Len(), last, len(data))
	}
	for range ndjson.NewReader(ndjson.Config{}, ndjson.Stream("x", strings.NewReader(data))).Blocks(t.Context()) {
		break
	}
}
