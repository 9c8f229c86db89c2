package fhirpath_test

import (
	"strings"
	"testing"
)

// The tables of the files spec_*_test.go hold what the text of the specifications says, by section: FHIRPath 2.0
// (https://hl7.org/fhirpath/N1/), FHIRPath 3.0 (https://hl7.org/fhirpath/STU3/) where it adds or clarifies, and FHIR's
// page on FHIRPath (https://hl7.org/fhir/R4/fhirpath.html). The test tables of the chapters' functions hold more on
// limits and data.

// specRow is an expression and the answer that the text demands.
type specRow struct {
	section string
	expr    string
	// want is the result as JSON items joined by spaces.
	want string
	// wantErr reports that the evaluation must fail, when it is compiled or later.
	wantErr bool
}

// runSpec evaluates the rows of a table on a resource.
func runSpec(t *testing.T, resource string, rows []specRow) {
	t.Helper()
	t.Parallel()
	for _, tt := range rows {
		got := evaluate(t, resource, tt.expr)
		failed := strings.HasPrefix(got, "compile ") || got == "execution" || got == "limit"
		switch {
		case tt.wantErr && !failed:
			t.Errorf("%s: %s\n got %s\nwant an error", tt.section, tt.expr, got)
		case !tt.wantErr && got != tt.want:
			t.Errorf("%s: %s\n got %s\nwant %s", tt.section, tt.expr, got, tt.want)
		}
	}
}

// ok is a row whose expression gives a result, and bad one whose expression fails.
func ok(section, expr, want string) specRow { return specRow{section: section, expr: expr, want: want} }

func bad(section, expr string) specRow { return specRow{section: section, expr: expr, wantErr: true} }
