package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCanonical has the examples of RFC 8785, sections 3.2.2 and 3.2.3 and appendix B.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{
			"section 3.2.2", `{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}`,
			`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		},
		{
			"section 3.2.3, order by UTF-16", `{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"\U0001F600\":\"Emoji: Grinning Face\",\"\uFB33\":\"Hebrew Letter Dalet With Dagesh\"}",
		},
		{"zero", `[0,-0,0.0,0e5]`, `[0,0,0,0]`},
		{"smallest", `5e-324`, `5e-324`},
		{"largest", `1.7976931348623157e308`, `1.7976931348623157e+308`},
		{"2^53", `9007199254740992`, `9007199254740992`},
		{"2^68", `295147905179352830000`, `295147905179352830000`},
		{"1e21", `1e21`, `1e+21`},
		{"below 1e21", `999999999999999900000`, `999999999999999900000`},
		{"1e23", `9.999999999999997e22`, `9.999999999999997e+22`},
		{"1e-6", `0.000001`, `0.000001`},
		{"1e-7", `0.0000001`, `1e-7`},
		{"negative", `-333333333.3333332`, `-333333333.3333332`},
		{"HTML", `"<&>\u2028"`, "\"<&>\u2028\""},
		{"empty", `{"b":{},"a":[]}`, `{"a":[],"b":{}}`},
	} {
		got, err := Canonical([]byte(tt.in))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s:\ngot  %s (%v)\nwant %s", tt.name, got, err, tt.want)
		}
		again, err := Canonical(got)
		if err != nil || string(again) != string(got) {
			t.Errorf("%s: not stable: %s, %v", tt.name, again, err)
		}
	}
	for _, bad := range []string{``, `{`, `{} {}`, `{"a":1,"a":2}`, `"\ud800"`, "\"\xff\"", `1e400`, `{"a":}`, `[1,]`, strings.Repeat("[", 300) + strings.Repeat("]", 300)} {
		if got, err := Canonical([]byte(bad)); err == nil {
			t.Errorf("%q: got %s, want an error", bad, got)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-7,"x\u0000"],"":null}`, `-0`, `"\ud83d\ude00"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := Canonical(raw)
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("%q: not JSON: %q", raw, got)
		}
		again, err := Canonical(got)
		if err != nil || string(again) != string(got) {
			t.Fatalf("%q: %q, then %q (%v)", raw, got, again, err)
		}
	})
}

// chainOf makes a chain of n entries.
func chainOf(t testing.TB, chain string, n int) []Sealed {
	t.Helper()
	var head Head
	var all []Sealed
	for i := range n {
		e := Entry{
			Chain: chain, Recorded: time.Date(2026, 11, 23, 9, 0, i, 123456789, time.UTC), Type: StateChanged, Action: Update,
			Who: Who{User: "u-1", Role: "data_steward", Instance: "host-1"}, Change: &Change{Seq: int64(i + 1), To: "feasible", Event: "next"},
		}
		s, next, err := head.Seal(e)
		if err != nil {
			t.Fatal(err)
		}
		head, all = next, append(all, s)
	}
	return all
}

func each(all []Sealed) iter.Seq2[Sealed, error] {
	return func(yield func(Sealed, error) bool) {
		for _, s := range all {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// badAt verifies a chain, whose first entries were verified before, against the head it should have and returns the
// first bad entry, 0 for none.
func badAt(t testing.TB, chain string, all []Sealed, verified int, head Head) int64 {
	t.Helper()
	var from Head
	if verified > 0 {
		from = Head{all[verified-1].Seq, all[verified-1].Hash}
	}
	v := NewVerifier(chain, from)
	for i := verified; i < len(all); i++ {
		if err := v.Add(&all[i]); err != nil {
			var bad *BadEntryError
			if !errors.As(err, &bad) {
				t.Fatal(err)
			}
			return bad.Seq
		}
	}
	var bad *BadEntryError
	if errors.As(v.End(head), &bad) {
		return bad.Seq
	}
	return 0
}

// TestEveryChangeIsFound: over a chain of 100 entries every change of a byte, drop, insertion, swap, swap
// between chains, cut tail and rewritten whole is found, at the first bad entry.
func TestEveryChangeIsFound(t *testing.T) {
	t.Parallel()
	const n = 100
	good, other := chainOf(t, "REQ-1", n), chainOf(t, "REQ-2", n)
	head := Head{good[n-1].Seq, good[n-1].Hash}
	if bad := badAt(t, "REQ-1", good, 0, head); bad != 0 {
		t.Fatalf("a good chain is bad at %d", bad)
	}
	changes := 0
	// The entries before the first that a change touches are those of the good chain, and need no second look.
	untouched := 0
	expect := func(what string, all []Sealed, want int64) {
		t.Helper()
		changes++
		if got := badAt(t, "REQ-1", all, untouched, head); got != want {
			t.Errorf("%s: found at %d, want %d", what, got, want)
		}
	}
	for i := range n {
		at := int64(i + 1)
		untouched = max(0, i-1) // a swap touches the entry before
		for k := range good[i].Body {
			all := slices.Clone(good)
			all[i].Body = slices.Clone(good[i].Body)
			all[i].Body[k] ^= 1
			expect(fmt.Sprintf("byte %d of entry %d", k, at), all, at)
		}
		for _, change := range []func(s *Sealed){
			func(s *Sealed) { s.Hash = Hash([]byte("x")) },
			func(s *Sealed) { s.Prev = Hash([]byte("x")) },
			func(s *Sealed) { s.Recorded = s.Recorded.Add(time.Microsecond) },
			func(s *Sealed) { s.Type = StepFailed },
			func(s *Sealed) { s.ID = NewID(time.Now()) },
			func(s *Sealed) { s.Body, s.Hash = []byte(`{}`), Hash([]byte(`{}`)) },
		} {
			all := slices.Clone(good)
			change(&all[i])
			expect(fmt.Sprintf("columns of entry %d", at), all, at)
		}
		expect(fmt.Sprintf("drop of %d", at), slices.Delete(slices.Clone(good), i, i+1), at)
		expect(fmt.Sprintf("insertion at %d", at), slices.Insert(slices.Clone(good), i, good[(i+7)%n]), at)
		swapped := slices.Clone(good)
		swapped[i] = other[i]
		expect(fmt.Sprintf("entry %d of another chain", at), swapped, at)
		if i > 0 {
			swapped := slices.Clone(good)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			expect(fmt.Sprintf("swap of %d and %d", at-1, at), swapped, at-1)
			expect(fmt.Sprintf("tail cut at %d", at), good[:i], at)
		}
	}
	untouched = 0
	expect("whole rewritten", chainOf(t, "REQ-1", n), n) // new ids: only the head tells
	if changes < 20000 {
		t.Errorf("only %d changes were tried", changes)
	}
}

func TestVerifyStopsAtErrors(t *testing.T) {
	t.Parallel()
	good := chainOf(t, "REQ-1", 3)
	if head, err := Verify(t.Context(), "REQ-1", each(good)); err != nil || head.Seq != 3 {
		t.Errorf("Verify: %+v, %v", head, err)
	}
	away := errors.New("database is away")
	_, err := Verify(t.Context(), "REQ-1", func(yield func(Sealed, error) bool) { yield(Sealed{}, away) })
	if !errors.Is(err, away) {
		t.Errorf("Verify: got %v, want the sequence's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, "REQ-1", each(good)); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: got %v, want Canceled", err)
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	good := Entry{Chain: "c", Recorded: time.Now(), Type: ViewRun, Action: Read}
	for _, tt := range []struct {
		name   string
		change func(e *Entry)
	}{
		{"an unknown type", func(e *Entry) { e.Type = "view.looked" }},
		{"an unknown action", func(e *Entry) { e.Action = "X" }},
		{"an unknown outcome", func(e *Entry) { e.Outcome = 5 }},
		{"no chain", func(e *Entry) { e.Chain = "" }},
		{"no time", func(e *Entry) { e.Recorded = time.Time{} }},
	} {
		e := good
		tt.change(&e)
		if _, head, err := (Head{}).Seal(e); err == nil || head != (Head{}) {
			t.Errorf("%s: %v, %+v; want an error", tt.name, err, head)
		}
	}
	s, _, err := Head{}.Seal(good)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := s.Entry(); err != nil || e.Seq != 1 || e.Version != Version || len(e.ID) != 36 || e.ID[14] != '7' {
		t.Errorf("sealed: %+v, %v", e, err)
	}
}

// TestEncoderIsCanonical compares the direct encoder with the general way, over entries with every
// combination of full and empty groups.
func TestEncoderIsCanonical(t *testing.T) {
	t.Parallel()
	odd := "quote \" back \\ tab \t nul \x00 <&> é \u2028 \U0001F600"
	at := time.Date(2026, 11, 23, 9, 0, 0, 120000000, time.UTC)
	groups := []func(e *Entry){
		func(e *Entry) { e.Tenant, e.Error, e.Prev = odd, odd, odd },
		func(e *Entry) { e.Occurred = at.Add(time.Microsecond) },
		func(e *Entry) { e.Who = Who{odd, odd, odd, odd, odd, odd, odd} },
		func(e *Entry) { e.Where = Where{odd, odd, odd} },
		func(e *Entry) { e.Why = Why{odd, odd, odd} },
		func(e *Entry) { e.Change = &Change{1 << 60, odd, odd, odd} },
		func(e *Entry) { e.Change = &Change{} },
		func(e *Entry) { e.Gate = &Gate{odd, odd, odd, odd, 3, []string{odd, ""}, odd, odd} },
		func(e *Entry) { e.Gate = &Gate{} },
		func(e *Entry) { e.Step = &Step{odd, odd, 2, -7 << 54, odd, 5} },
		func(e *Entry) { e.Step = &Step{} },
		func(e *Entry) { e.Entity = []Entity{{}, {odd, odd, 1, odd, odd, 1<<53 - 1}} },
		func(e *Entry) { e.Patient = &Patient{odd, 1 << 53, odd} },
		func(e *Entry) { e.Patient = &Patient{} },
		func(e *Entry) { e.Query = []Param{{odd, odd}, {}} },
		func(e *Entry) { e.Sign = &Sign{odd, at, odd, odd} },
	}
	for bits := range 1 << len(groups) {
		if bits%37 != 0 && bits&(bits-1) != 0 { // each alone, and some of the others
			continue
		}
		e := Entry{Version: 1, Chain: odd, Seq: int64(bits), ID: "id", Recorded: at, Type: ViewRun, Action: Read, Outcome: Serious}
		for i, g := range groups {
			if bits>>i&1 == 1 {
				g(&e)
			}
		}
		raw, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Canonical(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encodeEntry(&e)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%b:\ngot  %s (%v)\nwant %s", bits, got, err, want)
		}
		s := Sealed{Chain: e.Chain, Seq: e.Seq, ID: e.ID, Type: e.Type, Recorded: e.Recorded, Prev: e.Prev, Body: got}
		if !s.agrees() {
			t.Fatalf("%b: columns and body do not agree: %s", bits, got)
		}
	}
	if _, err := encodeEntry(&Entry{Error: "\xff"}); err == nil {
		t.Error("text that is not UTF-8 was taken")
	}
}

func TestNewIDSortsByTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	last := ""
	for i := range 1000 {
		id := NewID(at.Add(time.Duration(i) * time.Millisecond))
		if id <= last {
			t.Fatalf("%s does not sort behind %s", id, last)
		}
		last = id
	}
}

func BenchmarkSeal(b *testing.B) {
	var head Head
	e := Entry{
		Chain: "REQ-20261123-1A2B3C4D", Recorded: time.Now(), Type: StateChanged, Action: Update,
		Who: Who{User: "u-1", Role: "data_steward", Instance: "host-1"}, Change: &Change{Seq: 3, From: "a", To: "b", Event: "next"},
	}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if _, head, err = head.Seal(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	all := chainOf(b, "REQ-1", 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(b.Context(), "REQ-1", each(all)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "entries/s")
}

func ExampleVerify() {
	var head Head
	var entries []Sealed
	for i := range 3 {
		s, next, err := head.Seal(Entry{
			Chain: "REQ-20261123-1A2B3C4D", Recorded: time.Date(2026, 11, 23, 9, i, 0, 0, time.UTC), Type: ViewRun, Action: Read,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		entries, head = append(entries, s), next
	}
	_, err := Verify(context.Background(), "REQ-20261123-1A2B3C4D", each(entries))
	fmt.Println(err)
	entries[1].Body = []byte(strings.Replace(string(entries[1].Body), "view.run", "fhir.read", 1))
	_, err = Verify(context.Background(), "REQ-20261123-1A2B3C4D", each(entries))
	fmt.Println(err)
	// Output:
	// <nil>
	// audit: chain REQ-20261123-1A2B3C4D is broken at entry 2: its hash is not that of its content
}
