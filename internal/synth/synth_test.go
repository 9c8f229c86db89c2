package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// decode returns the population by type, each resource as generic JSON.
func decode(t *testing.T, cfg Config) map[string][]map[string]any {
	t.Helper()
	all := map[string][]map[string]any{}
	for r, err := range Resources(cfg) {
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(r.JSON, &m); err != nil {
			t.Fatalf("%s/%s: %v", r.Type, r.ID, err)
		}
		if m["resourceType"] != r.Type || m["id"] != r.ID {
			t.Fatalf("%s/%s says %v/%v", r.Type, r.ID, m["resourceType"], m["id"])
		}
		all[r.Type] = append(all[r.Type], m)
	}
	return all
}

func TestSameSeedGivesSameBytes(t *testing.T) {
	t.Parallel()
	// A change of these sums changes the data of every example: note it in the changelog.
	want := map[string]string{
		"Organization":      "105208c77a5ff0d4",
		"Practitioner":      "226fff5601d0e9c0",
		"Patient":           "bb3edf70be46674f",
		"Encounter":         "189c5d617090b5eb",
		"Condition":         "ac9e0b19a6a08c23",
		"Observation":       "2192352958b62053",
		"MedicationRequest": "90b69223d5483079",
		"Procedure":         "2bd16b6357155618",
	}
	dir := t.TempDir()
	sum, err := WriteDir(dir, Config{Seed: 42, Patients: 50})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	var size int64
	for _, kind := range Types() {
		text, err := os.ReadFile(filepath.Join(dir, kind+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.Sum256(text)
		got[kind] = hex.EncodeToString(h[:8])
		size += int64(len(text))
		if lines := bytes.Count(text, []byte("\n")); lines != sum.Resources[kind] {
			t.Errorf("%s: %d lines, summary says %d", kind, lines, sum.Resources[kind])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first 8 bytes of SHA-256 per file (-want +got):\n%s", diff)
	}
	if size != sum.Bytes {
		t.Errorf("files have %d bytes, summary says %d", size, sum.Bytes)
	}
}

func TestPatientDoesNotDependOnTheirNumber(t *testing.T) {
	t.Parallel()
	few, many := decode(t, Config{Seed: 7, Patients: 10}), decode(t, Config{Seed: 7, Patients: 40})
	for _, kind := range Types() {
		if len(many[kind]) < len(few[kind]) {
			t.Fatalf("%s: %d of 40 patients, %d of 10", kind, len(many[kind]), len(few[kind]))
		}
		if diff := cmp.Diff(few[kind], many[kind][:len(few[kind])]); diff != "" {
			t.Errorf("%s differs (-10 patients +40 patients):\n%s", kind, diff)
		}
	}
	if other := decode(t, Config{Seed: 8, Patients: 10}); cmp.Equal(few["Patient"], other["Patient"]) {
		t.Error("another seed gives the same patients")
	}
}

// TestReferencesResolve walks every element: each reference leads to a resource that was yielded before.
func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	idForm := regexp.MustCompile(`^[A-Za-z0-9.\-]{1,64}$`)
	for r, err := range Resources(Config{Seed: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		key := r.Type + "/" + r.ID
		if seen[key] {
			t.Errorf("%s twice", key)
		}
		if !idForm.MatchString(r.ID) {
			t.Errorf("%s: not a FHIR id", key)
		}
		seen[key] = true
		var m any
		if err := json.Unmarshal(r.JSON, &m); err != nil {
			t.Fatal(err)
		}
		walk(m, "", func(path string, v any) {
			if ref, ok := v.(string); ok && strings.HasSuffix(path, ".reference") && !seen[ref] {
				t.Errorf("%s%s leads to %s, which was not yielded before", key, path, ref)
			}
			if s, ok := v.(string); ok && s == "" {
				t.Errorf("%s%s is an empty string", key, path)
			}
		})
	}
}

func walk(v any, path string, visit func(string, any)) {
	visit(path, v)
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			walk(e, path+"."+k, visit)
		}
	case []any:
		for _, e := range v {
			walk(e, path, visit)
		}
	}
}

// TestTimesLieInTheLife checks that nothing was recorded before birth, after death or after Until.
func TestTimesLieInTheLife(t *testing.T) {
	t.Parallel()
	until := time.Date(2020, 6, 30, 0, 0, 0, 0, time.UTC)
	all := decode(t, Config{Seed: 5, Until: until})
	birth, end := map[string]string{}, map[string]string{}
	for _, p := range all["Patient"] {
		ref := "Patient/" + p["id"].(string)
		birth[ref], end[ref] = p["birthDate"].(string), date(until)
		if d, ok := p["deceasedDateTime"].(string); ok {
			end[ref] = d[:10]
		}
	}
	fields := map[string]string{
		"Encounter": "period", "Condition": "onsetDateTime", "Observation": "effectiveDateTime",
		"MedicationRequest": "authoredOn", "Procedure": "performedPeriod",
	}
	for kind, field := range fields {
		if len(all[kind]) == 0 {
			t.Errorf("no %s", kind)
		}
		for _, r := range all[kind] {
			at, ok := r[field].(string)
			if p, isPeriod := r[field].(map[string]any); isPeriod {
				at, ok = p["start"].(string)
			}
			ref := r["subject"].(map[string]any)["reference"].(string)
			if !ok || at[:10] < birth[ref] || at[:10] > end[ref] {
				t.Errorf("%s/%v: %s = %q outside of %s to %s", kind, r["id"], field, at, birth[ref], end[ref])
			}
		}
	}
}

// TestPopulationSuitsTheExamples holds the shape that the default request of the quickstart needs.
func TestPopulationSuitsTheExamples(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		all := decode(t, Config{Seed: seed})
		diabetic := map[string]bool{}
		for _, c := range all["Condition"] {
			if hasCode(c, "44054006") {
				diabetic[subject(c)] = true
			}
		}
		if n := len(diabetic); n < 15 || n > 60 {
			t.Errorf("seed %d: %d of 200 patients have type 2 diabetes, want 15 to 60", seed, n)
		}
		high, others := map[string]bool{}, 0
		for _, o := range all["Observation"] {
			q, ok := o["valueQuantity"].(map[string]any)
			if !ok || !hasCode(o, "4548-4") {
				continue
			}
			if v := q["value"].(float64); v < 3 || v > 15 {
				t.Errorf("seed %d: HbA1c of %v %%", seed, v)
			} else if v >= 6.5 && diabetic[subject(o)] {
				high[subject(o)] = true
			} else if !diabetic[subject(o)] {
				others++
			}
		}
		if len(high) < len(diabetic)*3/4 || others == 0 {
			t.Errorf("seed %d: HbA1c of 6.5 %% or more in %d of %d diabetics, %d values of others", seed, len(high), len(diabetic), others)
		}
	}
}

func hasCode(resource map[string]any, code string) bool {
	for _, c := range resource["code"].(map[string]any)["coding"].([]any) {
		if c.(map[string]any)["code"] == code {
			return true
		}
	}
	return false
}

func subject(resource map[string]any) string {
	return resource["subject"].(map[string]any)["reference"].(string)
}

// TestFilesAreReplaced: nothing of an earlier population stays, also where the new one lacks a type.
func TestFilesAreReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := WriteDir(dir, Config{Patients: 30}); err != nil {
		t.Fatal(err)
	}
	lacking := false
	for seed := uint64(0); !lacking; seed++ {
		sum, err := WriteDir(dir, Config{Seed: seed, Patients: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range Types() {
			lacking = lacking || sum.Resources[kind] == 0
			text, err := os.ReadFile(filepath.Join(dir, kind+".ndjson"))
			if lines := bytes.Count(text, []byte("\n")); err != nil || lines != sum.Resources[kind] {
				t.Errorf("seed %d, %s: %d lines, %v, summary says %d", seed, kind, lines, err, sum.Resources[kind])
			}
		}
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := WriteDir(dir, Config{Patients: -1}); err == nil || err.Error() != "synth: patients is negative: -1" {
		t.Errorf("WriteDir with -1 patients: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteDir(file, Config{Patients: 1}); err == nil {
		t.Error("WriteDir into a file: no error")
	}
	// A name that is taken by a folder cannot be renamed onto: nothing of the run stays under a temporary name.
	if err := os.MkdirAll(filepath.Join(dir, "Patient.ndjson", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteDir(dir, Config{Patients: 1}); err == nil {
		t.Error("WriteDir onto a folder: no error")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.part-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files left: %v %v", left, err)
	}
}

func TestBreakingOutStops(t *testing.T) {
	t.Parallel()
	n := 0
	for range Resources(Config{}) {
		if n++; n == 20 {
			break
		}
	}
	if n != 20 {
		t.Errorf("%d resources before the break, want 20", n)
	}
}
