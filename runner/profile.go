package runner

// Profile is a set of further rules for a ViewDefinition.
type Profile uint8

// The profiles of the specification.
const (
	// ShareableViewDefinition: url, name and fhirVersion are given, every column has a type, and paths use the
	// functions that every runner has.
	ShareableViewDefinition Profile = 1 + iota
	// TabularViewDefinition: no column is a collection, and every type is primitive.
	TabularViewDefinition
)
