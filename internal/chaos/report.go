package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// Report is a row of the table that the tests print: what a test of a promise did.
type Report struct {
	Promise string // R1, …
	Backend string
	What    string
	Sites   int // call sites, or other things that were varied
	Runs    int
	Result  string
}

// Reports collects [Report]s; any goroutine may use it.
type Reports struct {
	mu   sync.Mutex
	rows []Report
}

// Add adds a row.
func (r *Reports) Add(row Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// Replace adds a row, and removes the one with the same promise, backend and text.
func (r *Reports) Replace(row Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(x Report) bool { return x.Promise == row.Promise && x.Backend == row.Backend && x.What == row.What }
	r.rows = append(slices.DeleteFunc(r.rows, same), row)
}

// promises is how many promises there are: R1 to R17.
const promises = 17

// String returns the table, ordered by promise, and lists the promises that were not tested.
func (r *Reports) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rows) == 0 {
		return ""
	}
	number := func(p string) int { n, _ := strconv.Atoi(strings.TrimPrefix(p, "R")); return n }
	slices.SortStableFunc(r.rows, func(a, b Report) int {
		return cmp.Or(number(a.Promise)-number(b.Promise), strings.Compare(a.Backend, b.Backend))
	})
	wide, ran := 0, map[string]bool{}
	for _, x := range r.rows {
		wide, ran[x.Promise] = max(wide, utf8.RuneCountInString(x.What)), true
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-4s %-9s %-*s %6s %6s  %s\n", "", "database", wide, "what ran", "sites", "runs", "result")
	for _, x := range r.rows {
		fmt.Fprintf(&b, "%-4s %-9s %-*s %6d %6d  %s\n", x.Promise, x.Backend, wide, x.What, x.Sites, x.Runs, x.Result)
	}
	var missing []string
	for n := 1; n <= promises; n++ {
		if p := fmt.Sprint("R", n); !ran[p] {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		fmt.Fprintf(&b, "not run: %s\n", strings.Join(missing, ", "))
	}
	return b.String()
}

func result(t *testing.T) string {
	if t.Failed() {
		return "FAILED"
	}
	return "kept"
}
