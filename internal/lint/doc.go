// Package lint holds the house rules that go vet does not know, as tests: which package may import which,
// what the view runner must not link, and how long a file may be.
//
// The rules are data in imports.go; they follow the table of imports in CONTRIBUTING.md.
package lint
