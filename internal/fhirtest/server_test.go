package fhirtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/researchflow/researchflow/internal/fhirtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, s *fhirtest.Server, url string) (int, string) {
	t.Helper()
	resp, err := s.HTTPServer().Client().Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

type page struct {
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		Resource struct{ ResourceType, ID string }
	}
}

func ids(t *testing.T, s *fhirtest.Server, url string) (got []string) {
	t.Helper()
	for url != "" {
		status, body := get(t, s, url)
		var p page
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != 200 {
			t.Fatalf("GET: %d %s: %v", status, body, err)
		}
		for _, e := range p.Entry {
			got = append(got, e.Resource.ResourceType+"/"+e.Resource.ID)
		}
		url = ""
		for _, l := range p.Link {
			if l.Relation == "next" {
				url = l.URL
			}
		}
	}
	return got
}

func TestDirServesEveryKindOfFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.ndjson":  `{"resourceType":"Patient","id":"a","gender":"female"}` + "\n\n" + `{"resourceType":"Patient","id":"b","gender":"male"}`,
		"b.json":    `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"},"code":{"coding":[{"system":"s","code":"1"}]}}`,
		"c.json":    `[{"resourceType":"Condition","id":"d","subject":{"reference":"Patient/b"}}]`,
		"d.json":    `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Immunization","id":"e","patient":{"reference":"urn:uuid:b"}}}]}`,
		"notes.txt": "not for us",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := fhirtest.New(t, fhirtest.Dir(dir))
	tests := []struct {
		search string
		want   []string
	}{
		{"Patient", []string{"Patient/a", "Patient/b"}},
		{"Patient?_count=1", []string{"Patient/a", "Patient/b"}},
		{"Patient?gender=female", []string{"Patient/a"}},
		{"Patient?_id=b,a,x", []string{"Patient/a", "Patient/b"}},
		{"Condition?patient=a", []string{"Condition/c"}},
		{"Condition?subject=Patient/b", []string{"Condition/d"}},
		{"Condition?code=s|1", []string{"Condition/c"}},
		{"Immunization?patient=b", []string{"Immunization/e"}},
		{"Observation", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ids(t, s, s.URL()+"/"+tt.search)); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", tt.search, diff)
		}
	}
	for path, want := range map[string]int{
		"Patient/a": 200, "Patient/x": 404, "Patient?name=x": 400, "metadata": 200, "": 404, "a/b/c": 404,
	} {
		if got, body := get(t, s, s.URL()+"/"+path); got != want || !json.Valid([]byte(body)) {
			t.Errorf("GET %s: %d %s, want %d", path, got, body, want)
		}
	}
}

func TestScriptedAnswersComeInOrderAndOnce(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(1))
	s.Next(fhirtest.Status(503).For("Patient/"), fhirtest.Throttled("7").Repeat(2), fhirtest.HTML(200))
	var got []int
	for _, path := range []string{"metadata", "Patient/p1", "metadata", "metadata", "Patient/p1"} {
		status, _ := get(t, s, s.URL()+"/"+path)
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{429, 503, 429, 200, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if got := len(s.Requests()); got != 5 {
		t.Errorf("%d requests recorded, want 5", got)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	s := fhirtest.New(t, fhirtest.Patients(1))
	s.Require("good")
	for token, want := range map[string]int{"": 401, "Bearer bad": 401, "Bearer good": 200} {
		req, err := http.NewRequest(http.MethodGet, s.URL()+"/Patient/p1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", token)
		resp, err := s.HTTPServer().Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Authorization %q: %d, want %d", token, resp.StatusCode, want)
		}
	}
}
