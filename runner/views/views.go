package views

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/runner"
)

//go:embed *.json
var files embed.FS

// ErrUnknown is wrapped by errors about a name that no view has.
var ErrUnknown = errors.New("views: unknown view")

// Names returns the names of all views, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are part of the program
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	slices.Sort(names)
	return names
}

// JSON returns the text of a view. The error wraps [ErrUnknown].
func JSON(name string) ([]byte, error) {
	if slices.Contains(Names(), name) {
		return files.ReadFile(name + ".json")
	}
	return nil, fmt.Errorf("%w %q, want one of %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Load returns the definition of a view. It is the caller's own, to change and compile. The error wraps [ErrUnknown].
func Load(name string) (*runner.ViewDefinition, error) {
	data, err := JSON(name)
	if err != nil {
		return nil, err
	}
	return runner.Decode(data)
}

// Compile compiles a view. The error wraps [ErrUnknown], or is [runner.CompileErrors] if the options do not allow the
// view.
func Compile(name string, opts ...runner.CompileOption) (*runner.View, error) {
	data, err := JSON(name)
	if err != nil {
		return nil, err
	}
	return runner.CompileJSON(data, opts...)
}
