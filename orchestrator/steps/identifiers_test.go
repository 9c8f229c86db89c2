package steps

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/runner"
)

func TestPathKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		resource, forEach, path string
		want                    IdentifierKind
	}{
		{"Patient", "", "name.first().family", NameIdentifier},
		{"Patient", "", "name.where(use = 'official').given.join(' ')", NameIdentifier},
		{"Patient", "name.where(use = 'official').first()", "given.first() + ' ' + family", NameIdentifier},
		{"Patient", "", "iif(name.exists(), name.first().family, 'none')", NameIdentifier},
		{"Patient", "name", "use", ""},
		{"Patient", "", "name.exists()", ""},
		{"Patient", "", "name.family.first() & telecom.exists()", ContactIdentifier}, // of several the first in the order of the rules
		{"Patient", "", "contact.name.family", NameIdentifier},
		{"Patient", "telecom", "value", ContactIdentifier},
		{"Patient", "telecom", "system", ""},
		{"Patient", "", "telecom.where(system = 'email').value", ContactIdentifier},
		{"Patient", "", "birthDate", BirthDateIdentifier},
		{"Patient", "", "birthDate.toString().substring(0, 4)", BirthDateIdentifier}, // the values are years, which are none
		{"Patient", "", "deceased.ofType(dateTime)", DeathDateIdentifier},
		{"Patient", "", "deceased.exists()", ""},
		{"Patient", "address.where(use = 'home').first()", "line.first()", AddressIdentifier},
		{"Patient", "address", "city", PlaceIdentifier},
		{"Patient", "address", "postalCode", PlaceIdentifier},
		{"Patient", "address", "state", ""},
		{"Patient", "", "address.first().line.first() + address.first().state", AddressIdentifier},
		{"Patient", "", "address.line.where($this.exists())", AddressIdentifier},
		{"Patient", "", "identifier.where(type.coding.code = 'MR').value", NumberIdentifier},
		{"Patient", "identifier", "system", ""},
		{"Patient", "", "photo.url", PhotoIdentifier},
		{"Patient", "", "text.`div`", NarrativeIdentifier},
		{"Patient", "", "getResourceKey()", ""},
		{"Patient", "", "gender", ""},
		{"Observation", "", "subject.display", NameIdentifier},
		{"Observation", "", "subject.identifier.value", NumberIdentifier},
		{"Observation", "", "code.coding.display.first()", ""},
		{"Observation", "", "code.text", ""},
		{"Organization", "", "name", ""},
		{"Procedure", "", "performer.actor.display", ""},
	}
	for _, tt := range tests {
		v, err := runner.Compile(&runner.ViewDefinition{
			Name: "v", Status: "active", Resource: tt.resource,
			Select: []runner.Select{{ForEach: tt.forEach, Column: []runner.ColumnDefinition{{Name: "c", Path: tt.path}}}},
		})
		if err != nil {
			t.Errorf("%s, %s: %v", tt.resource, tt.path, err)
			continue
		}
		if got := pathKinds(v)["c"]; got != tt.want {
			t.Errorf("%s, forEach %q, path %q: %q, want %q", tt.resource, tt.forEach, tt.path, got, tt.want)
		}
	}
}

func TestPathKindsOfNestedSelects(t *testing.T) {
	t.Parallel()
	v, err := runner.Compile(&runner.ViewDefinition{
		Name: "v", Status: "active", Resource: "Patient",
		Select: []runner.Select{
			{ForEach: "contact", Select: []runner.Select{{
				ForEachOrNull: "telecom",
				Column:        []runner.ColumnDefinition{{Name: "number", Path: "value"}},
			}}},
			{UnionAll: []runner.Select{
				{ForEach: "contact", Column: []runner.ColumnDefinition{{Name: "either", Path: "gender"}}},
				{ForEach: "contact.address", Column: []runner.ColumnDefinition{{Name: "either", Path: "city"}}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]IdentifierKind{"number": ContactIdentifier, "either": PlaceIdentifier}
	if diff := cmp.Diff(want, pathKinds(v)); diff != "" {
		t.Errorf("pathKinds (-want +got):\n%s", diff)
	}
}

func TestValueKind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from  IdentifierKind
		value string
		want  IdentifierKind
	}{
		{"", "true", ""},
		{NameIdentifier, "false", ""},
		{NameIdentifier, "Ada", NameIdentifier},
		{BirthDateIdentifier, "1980", ""},
		{BirthDateIdentifier, "1980-02", BirthDateIdentifier},
		{BirthDateIdentifier, "1980-02-03", BirthDateIdentifier},
		{DeathDateIdentifier, "2020-01-01T00:00:00Z", DeathDateIdentifier},
		{DeathDateIdentifier, "true", ""},
		{"", "2020-01-01T00:00:00+02:00", DateIdentifier},
		{"", "2020-01-01", DateIdentifier},
		{"", "2020", ""},
		{"", "4548-4", ""},
		{"", "8480-6", ""},
		{"", "999-12-3456", NumberIdentifier},
		{"", "write to ada@example.org please", ContactIdentifier},
		{"", "(617) 555-0114", ContactIdentifier},
		{"", "+1 617-555-0114", ContactIdentifier},
		{"", "617.555.0114 x12", ContactIdentifier},
		{"", "6.5", ""},
		{"", "44054006", ""},
		{"", "6175550114", ""}, // may be any number
		{"", "0d6ab1d3-2f8e-4a2c-9f15-5a9b6b5e7d11", ""},
		{NumberIdentifier, "12", NumberIdentifier},
		{NumberIdentifier, "2020-01-01", NumberIdentifier},
	}
	for _, tt := range tests {
		if got := valueKind(tt.from, tt.value); got != tt.want {
			t.Errorf("valueKind(%q, %q) = %q, want %q", tt.from, tt.value, got, tt.want)
		}
	}
}

// TestCellKinds: what a value is does not depend on whether it stands alone, in a list, or in an object.
func TestCellKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fromPath IdentifierKind
		cell     string
		want     []IdentifierKind
	}{
		{BirthDateIdentifier, `1951-01-17`, []IdentifierKind{BirthDateIdentifier}},
		{BirthDateIdentifier, `["1951-01-17"]`, []IdentifierKind{BirthDateIdentifier}},
		{BirthDateIdentifier, `["1951"]`, nil},
		{"", `["final","123-45-6789"]`, []IdentifierKind{NumberIdentifier}},
		{"", `["555-123-4567","zoe@example.org","2020-01-01"]`, []IdentifierKind{ContactIdentifier, DateIdentifier}},
		{"", `[["(555) 123-4567"]]`, []IdentifierKind{ContactIdentifier}},
		{"", `{"start":"2020-01-01","end":"2020-02"}`, []IdentifierKind{DateIdentifier}},
		{"", `["final",5,null,true,[],{}]`, nil},
		{"", `[1] is no JSON`, nil},
		{"", `[`, nil},
		{NameIdentifier, `["Zoe"]`, []IdentifierKind{NameIdentifier}},
		{NameIdentifier, `[]`, nil},
		{NameIdentifier, `[true]`, nil},
		{NumberIdentifier, `[12]`, []IdentifierKind{NumberIdentifier}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, cellKinds(tt.fromPath, tt.cell)); diff != "" {
			t.Errorf("cellKinds(%q, %s) (-want +got):\n%s", tt.fromPath, tt.cell, diff)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	levels := []orchestrator.PHILevel{orchestrator.DeIdentified, orchestrator.LimitedDataSet, orchestrator.Identified}
	tests := map[IdentifierKind][3]verdict{
		NameIdentifier:      {refused, refused, allowed},
		AddressIdentifier:   {refused, refused, allowed},
		ContactIdentifier:   {refused, refused, allowed},
		NumberIdentifier:    {refused, refused, allowed},
		PhotoIdentifier:     {refused, refused, allowed},
		PlaceIdentifier:     {refused, allowed, allowed},
		BirthDateIdentifier: {refused, allowed, allowed},
		DeathDateIdentifier: {refused, allowed, allowed},
		DateIdentifier:      {warned, allowed, allowed},
		NarrativeIdentifier: {warned, warned, allowed},
	}
	if len(tests) != len(allKinds()) {
		t.Errorf("%d kinds are tested, there are %d", len(tests), len(allKinds()))
	}
	for kind, want := range tests {
		for i, level := range levels {
			if got := judge(level, kind); got != want[i] {
				t.Errorf("judge(%s, %s) = %d, want %d", level, kind, got, want[i])
			}
		}
	}
}
