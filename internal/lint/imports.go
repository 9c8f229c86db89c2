package lint

import "strings"

// Module is the path of the library's module.
const Module = "github.com/researchflow/researchflow"

// Rule says what the packages of one folder may import besides the standard library.
type Rule struct {
	// Folder is the path below the module; it covers the folders below it unless these have a rule of their own.
	Folder string
	// Own lists packages of this module, as paths below the module. "internal/..." covers what is below internal.
	Own []string
	// Others lists modules, or packages of them.
	Others []string
}

// Rules is the table of imports. Imports point downwards only. Examples, commands and tests are not bound
// by it, except that nothing but examples may import the root.
func Rules() []Rule {
	const (
		bun     = "github.com/uptrace/bun"
		otel    = "go.opentelemetry.io/otel"
		sync    = "golang.org/x/sync"
		decimal = "github.com/cockroachdb/apd/v3"
	)
	return []Rule{
		{"orchestrator/steps", []string{"orchestrator", "orchestrator/audit", "orchestrator/workflow", "runner"}, nil},
		{"orchestrator/audit", nil, []string{"golang.org/x/mod/sumdb"}},
		{"orchestrator/internal", []string{"orchestrator/audit"}, nil},
		{"orchestrator/workflow", []string{"orchestrator/audit", "orchestrator/internal/..."}, nil},
		{"orchestrator", []string{"orchestrator/audit", "orchestrator/internal/...", "orchestrator/workflow"}, []string{otel}},
		{
			"store",
			[]string{"orchestrator", "orchestrator/audit", "orchestrator/workflow", "store/..."},
			[]string{bun, "github.com/jackc/pgx/v5", "modernc.org/sqlite"},
		},
		// The suite for third-party stores needs what any test needs, and no driver.
		{
			"store/storetest",
			[]string{"orchestrator", "orchestrator/audit", "orchestrator/workflow", "internal/lifetest"},
			[]string{"github.com/google/go-cmp", "pgregory.net/rapid"},
		},
		{"internal/lifetest", []string{"orchestrator", "orchestrator/audit", "orchestrator/workflow"}, nil},
		{"runner", []string{"cache", "runner/...", "internal/..."}, []string{otel, sync}},
		{"runner/parquet", []string{"runner"}, []string{"github.com/parquet-go/parquet-go"}},
		{
			"fhir",
			[]string{"internal/..."},
			[]string{"github.com/hashicorp/go-retryablehttp", "github.com/golang-jwt/jwt/v5", otel, sync},
		},
		{"cache", nil, []string{"github.com/jellydator/ttlcache/v3", otel, sync}},
		{"health", nil, []string{"github.com/alexliesenfeld/health"}},
		// The judges of the official suites look at the engine from outside.
		{"internal/conformance", []string{"runner/...", "internal/..."}, []string{"github.com/google/go-cmp"}},
		{"internal/ndjson", []string{"internal/..."}, []string{"github.com/klauspost/compress"}},
		{"internal", []string{"internal/..."}, []string{decimal}},
	}
}

// ruleFor returns the rule with the longest folder that covers a package (a path below the module).
func ruleFor(rules []Rule, pkg string) (Rule, bool) {
	best, found := Rule{}, false
	for _, r := range rules {
		if below(pkg, r.Folder) && (!found || len(r.Folder) > len(best.Folder)) {
			best, found = r, true
		}
	}
	return best, found
}

// Allows tells whether a package that the rule covers may import path.
func (r Rule) Allows(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return true // standard library
	}
	if own, ok := strings.CutPrefix(path, Module+"/"); ok {
		if below(own, r.Folder) {
			return true
		}
		for _, p := range r.Own {
			if folder, all := strings.CutSuffix(p, "/..."); own == p || all && below(own, folder) {
				return true
			}
		}
		return false
	}
	for _, p := range r.Others {
		if below(path, p) {
			return true
		}
	}
	return false
}

// forTests tells whether a package (a path below the module) is for tests only: it may import anything, and no
// other package may import it outside of its tests.
func forTests(pkg string) bool {
	for _, p := range []string{"internal/chaos", "internal/fhirtest", "internal/lint", "internal/pgtest", "internal/testdata"} {
		if below(pkg, p) {
			return true
		}
	}
	return false
}

func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// NotInRunner lists what `go list -deps ./runner` must not show: whoever wants the engine alone gets it alone.
func NotInRunner() []string {
	return []string{
		"github.com/uptrace/bun", "github.com/jackc/pgx", "modernc.org/sqlite", "github.com/redis/rueidis",
		"github.com/parquet-go/parquet-go", "github.com/jellydator/ttlcache", "github.com/hashicorp/go-retryablehttp",
	}
}
