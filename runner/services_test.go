package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/cache"
)

// codes is a terminology service that knows one value set.
type codes map[string]bool

func (c codes) MemberOf(_ context.Context, valueSet, system, code string) (bool, error) {
	if valueSet != "http://example.org/vs" {
		return false, errors.New("unknown value set")
	}
	return c[system+"|"+code], nil
}

// people is a resolver that knows some resources.
type people map[string]string

func (p people) Resolve(_ context.Context, reference string) (json.RawMessage, error) {
	if strings.HasPrefix(reference, "Group/") {
		return nil, errors.New("the server is down")
	}
	if reference == "Patient/late" {
		return nil, fmt.Errorf("the server: %w", context.DeadlineExceeded)
	}
	text, ok := p[reference]
	if !ok {
		return nil, nil
	}
	return json.RawMessage(text), nil
}

const conditions = `{"resourceType":"Condition","id":"a","code":{"coding":[{"system":"s","code":"1"}]},"subject":{"reference":"Patient/p"}}
{"resourceType":"Condition","id":"b","code":{"coding":[{"system":"s","code":"2"},{"system":"t","code":"1"}]},"subject":{"reference":"Patient/q"}}
{"resourceType":"Condition","id":"c","code":{"text":"x"}}
`

func TestTerminology(t *testing.T) {
	t.Parallel()
	view := func(valueSet string) []byte {
		return fmt.Appendf(nil, `{"resource":"Condition","select":[{"column":[{"name":"id","path":"id"},{"name":"in","path":"code.memberOf('%s')"}]}]}`, valueSet)
	}
	if _, err := CompileJSON(view("http://example.org/vs")); err == nil || !strings.Contains(err.Error(), "memberOf") {
		t.Errorf("without a service: %v", err)
	}
	for _, tt := range []struct {
		valueSet string
		want     []string
	}{
		{"http://example.org/vs", []string{`{"id":"a","in":true}`, `{"id":"b","in":false}`, `{"id":"c","in":null}`}},
		{"http://example.org/other", []string{`{"id":"a","in":null}`, `{"id":"b","in":null}`, `{"id":"c","in":null}`}},
	} {
		v, err := CompileJSON(view(tt.valueSet), WithTerminology(codes{"s|1": true}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := rowTexts(v, resources(strings.Split(strings.TrimSpace(conditions), "\n")...))
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.valueSet, err, diff)
		}
	}
}

func TestResolveWith(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Condition","select":[{"column":[{"name":"id","path":"id"},{"name":"g","path":"subject.resolve().ofType(Patient).gender"}]}]}`)
	known := people{"Patient/p": `{"resourceType":"Patient","id":"p","gender":"female"}`, "Patient/q": `{"resourceType":"Group","id":"q"}`}
	for _, tt := range []struct {
		name string
		opts []RunOption
		want []string
	}{
		{"nothing", nil, []string{`{"id":"a","g":null}`, `{"id":"b","g":null}`, `{"id":"c","g":null}`}},
		{"resolver", []RunOption{ResolveWith(known)}, []string{`{"id":"a","g":"female"}`, `{"id":"b","g":null}`, `{"id":"c","g":null}`}},
		{"workers", []RunOption{ResolveWith(known), Parallel(4)}, []string{`{"id":"a","g":"female"}`, `{"id":"b","g":null}`, `{"id":"c","g":null}`}},
	} {
		got, err := rowTexts(v, resources(strings.Split(strings.TrimSpace(conditions), "\n")...), tt.opts...)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
	_, err := rowTexts(v, resources(`{"resourceType":"Condition","id":"d","subject":{"reference":"Group/1"}}`), ResolveWith(known))
	var fault *RunError
	if !errors.As(err, &fault) || fault.Resource != "Condition/d" || fault.Column != "g" {
		t.Errorf("a resolver that fails: %v", err)
	}
	late := `{"resourceType":"Condition","id":"d","subject":{"reference":"Patient/late"}}`
	_, err = rowTexts(v, resources(late), ResolveWith(known))
	if !errors.As(err, &fault) || fault.Resource != "Condition/d" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a resolver whose own time is up: %v", err)
	}
	got, err := rowTexts(v, resources(late, `{"resourceType":"Condition","id":"e"}`), ResolveWith(known), OnError(Skip))
	if diff := cmp.Diff([]string{`{"id":"e","g":null}`}, got); diff != "" || err != nil {
		t.Errorf("skipped: %v (-want +got):\n%s", err, diff)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Condition","select":[{"column":[{"name":"id","path":"id.trace('ids')"},{"name":"code","path":"code.coding.trace('codings', code).first().code"}]}]}`)
	var got []string
	rows, err := rowTexts(v, resources(strings.Split(strings.TrimSpace(conditions), "\n")...), Parallel(1), Trace(func(name string, values []json.RawMessage) {
		got = append(got, fmt.Sprintf("%s %s", name, values))
	}))
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := []string{`ids ["a"]`, `codings ["1"]`, `ids ["b"]`, `codings ["2" "1"]`, `ids ["c"]`, `codings []`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
}

// TestServicesAreNotCached: results are not cached if they depend on the answers of a service.
func TestServicesAreNotCached(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "Condition.ndjson", []byte(conditions))
	c := cache.New(cache.Config{TTL: time.Hour})
	t.Cleanup(func() { c.Close() })
	r, err := New(Dir(dir), WithCache(c))
	if err != nil {
		t.Fatal(err)
	}
	plain := mustView(t, `{"resource":"Condition",`+columnID+`}`)
	asks, err := CompileJSON([]byte(`{"resource":"Condition",`+columnID+`}`), WithTerminology(codes{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		view *View
		opts []RunOption
		want bool
	}{
		{"plain", plain, nil, true},
		{"resolver", plain, []RunOption{ResolveWith(people{})}, false},
		{"terminology", asks, nil, false},
	} {
		for range 2 {
			res, err := r.Run(t.Context(), tt.view, tt.opts...)
			if err != nil {
				t.Fatal(err)
			}
			if res.Cached() && !tt.want {
				t.Errorf("%s: rows from the cache", tt.name)
			}
		}
		if res, err := r.Run(t.Context(), tt.view, tt.opts...); err != nil || res.Cached() != tt.want {
			t.Errorf("%s: cached %v, want %v, %v", tt.name, res.Cached(), tt.want, err)
		}
	}
}
