package store_test

import (
	"encoding/base64"
	"testing"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/orchestrator"
)

// TestCursorsThatNoPageGave: invalid cursors are refused before the database sees them.
func TestCursorsThatNoPageGave(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		s := openStore(t, string(b.New(t).(database)))
		const want = "store: the cursor is not the Next of a page"
		for _, text := range []string{
			`{"p":0,"s":"2026-11-28 12:00:00,000000+00:00","i":"REQ-1"}`,
			`{"p":0,"s":"2026-11-28 12:00:00.000000+05:00","i":"REQ-1"}`,
			`{"p":0,"s":"0000-11-28 12:00:00.000000+00:00","i":"REQ-1"}`,
			`{"p":0,"s":"2026-11-28 12:00:00.000000+00:00' --","i":"REQ-1"}`,
			`{"p":99999,"s":"2026-11-28 12:00:00.000000+00:00","i":"REQ\u0000"}`,
			`{"p":1e30,"s":"2026-11-28 12:00:00.000000+00:00","i":"REQ-1"}`,
			`{"p":0,"s":"2026-11-28 12:00:00.000000+00:00"}`,
			`null`,
		} {
			_, err := s.Requests(t.Context(), orchestrator.Query{Cursor: base64.RawURLEncoding.EncodeToString([]byte(text))})
			if err == nil || err.Error() != want {
				t.Errorf("%s: got %v, want %s", text, err, want)
			}
		}
	})
}
