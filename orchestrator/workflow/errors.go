package workflow

import "strings"

// Fault is one thing wrong with an input.
type Fault struct {
	// Path of the element, for example "researcher.email".
	Path string `json:"path"`
	// Message says what is wrong, without the value.
	Message string `json:"message"`
}

// String returns path and message.
func (f Fault) String() string { return f.Path + " " + f.Message }

// DefinitionError lists everything wrong with a definition.
type DefinitionError struct{ Faults []Fault }

// Error returns all faults in one line.
func (e *DefinitionError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.String()
	}
	return "workflow: invalid definition: " + strings.Join(parts, "; ")
}
