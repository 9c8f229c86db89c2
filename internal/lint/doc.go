// Package lint holds the house rules that go vet does not know, as tests: which package may import which,
// what the view runner must not link, and how long a file may be.
//
// The table of imports is data in imports.go, which CONTRIBUTING.md repeats.
package lint
