package progress

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBar(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		share float64
		want  string
	}{
		{-1, ""},
		{0, "[                        ]   0 %  "},
		{0.5, "[============            ]  50 %  "},
		{1, "[========================] 100 %  "},
		{7, "[========================] 100 %  "},
	} {
		if got := bar(tt.share); got != tt.want {
			t.Errorf("bar(%g) = %q, want %q", tt.share, got, tt.want)
		}
	}
}

// TestLine: a shorter text erases a longer one, printed text is above the line, and nothing remains at the end.
func TestLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &Line{w: &out}
		l.Show(-1, "reading")
		l.Show(-1, "not shown: too soon")
		l.Print("note\n")
		<-time.After(interval)
		l.Show(-1, "x")
		l.Clear()
		l.Clear()
		want := "\rreading" + "\r       \r" + "note\n" + "\rreading" + "\rx      " + "\r \r"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
	})
}

func TestNoTerminal(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if l := New(file); l != nil {
		t.Error("New of a file is not nil")
	}
	l := New(&bytes.Buffer{})
	l.Show(0.5, "nothing")
	l.Clear()
	if l != nil {
		t.Error("New of a buffer is not nil")
	}
}
