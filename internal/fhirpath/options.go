package fhirpath

import (
	"context"
	"fmt"
	"slices"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// CompileOption is a choice made for one expression.
type CompileOption func(*config) error

// config is what the options of Compile set.
type config struct {
	schema      *schema
	inputs      []string          // names of the types the input can have
	input       model.TypeID      // the only one of them, if it is a FHIR type
	variables   map[string]string // declared variables and their types
	constants   map[string]Value
	strict      bool
	realNames   bool
	emptyJoin   bool
	choiceNames bool
	ordered     bool
	terminology Terminology
}

// Terminology answers questions about value sets.
type Terminology interface {
	// MemberOf reports whether a code is in the value set with the canonical valueSet. system is "" where
	// the data gives a code without its system. An error says that the question cannot be answered, and
	// memberOf() is then empty.
	MemberOf(ctx context.Context, valueSet, system, code string) (bool, error)
}

// WithModel sets the FHIR version whose types elements have. Without it elements have no types and are
// navigated by their JSON names.
func WithModel(v model.Version) CompileOption {
	return func(c *config) error {
		s, ok := schemaOf(v)
		if !ok {
			return fmt.Errorf("no model of FHIR version %s", v)
		}
		c.schema = s
		return nil
	}
}

// WithInput sets the type of the input: the name of a FHIR type ("Patient", "HumanName", "Patient.contact").
// Resources tell their type themselves; other elements that an evaluation starts with need it. Several names,
// which may be qualified ("FHIR.string", "System.String"), tell what the input can be; items then bring their
// types along.
func WithInput(typeNames ...string) CompileOption {
	return func(c *config) error {
		c.inputs = slices.Clone(typeNames)
		return nil
	}
}

// WithVariable declares an environment variable that [Env] gives a value to at evaluation, with the type of
// its items ("System.Integer", "FHIR.Patient"; "" leaves it open).
func WithVariable(name, typeName string) CompileOption {
	return func(c *config) error {
		if err := c.checkVariableName(name); err != nil {
			return err
		}
		c.variables[name] = typeName
		return nil
	}
}

// WithConstant sets an environment variable to a value that is the same for every evaluation.
func WithConstant(name string, v Value) CompileOption {
	return func(c *config) error {
		if err := c.checkVariableName(name); err != nil {
			return err
		}
		if v.kind == Element {
			return fmt.Errorf("constant %%%s is an element of a resource", name)
		}
		c.constants[name] = v
		return nil
	}
}

// Strict makes every doubt that the static check finds an error: an element that its type does not have, a
// function on types it is not made for. Without it errors are only what can never succeed: unknown names, and
// operations that fail on every item that their operands can have.
func Strict(strict bool) CompileOption {
	return func(c *config) error {
		c.strict = strict
		return nil
	}
}

// RealNames makes it an error to name an element that no type of any known FHIR version has: a slip. Names that other types
// or versions have are left to [Strict].
func RealNames(on bool) CompileOption {
	return func(c *config) error {
		c.realNames = on
		return nil
	}
}

// ChoiceNames lets paths say valueQuantity for value.ofType(Quantity), as published views do. FHIRPath has no such
// element, and a [Strict] compilation refuses it all the same.
func ChoiceNames(on bool) CompileOption {
	return func(c *config) error {
		c.choiceNames = on
		return nil
	}
}

// EmptyJoin makes join() of nothing the empty text, as the SQL on FHIR suite had it before June 2026, instead of the empty
// collection of the FHIRPath specification.
func EmptyJoin(on bool) CompileOption {
	return func(c *config) error {
		c.emptyJoin = on
		return nil
	}
}

// Ordered refuses functions that depend on an order, such as first() and skip(), on collections that have none, such
// as what children() gives.
func Ordered(ordered bool) CompileOption {
	return func(c *config) error {
		c.ordered = ordered
		return nil
	}
}

// WithTerminology sets the service that memberOf() asks. Without it expressions with memberOf() do not
// compile. Any goroutine that evaluates the program may call the service.
func WithTerminology(t Terminology) CompileOption {
	return func(c *config) error {
		c.terminology = t
		return nil
	}
}

// claim checks that a variable may have the name. Those that stand for the URL of a code system may be set to
// something else, as views do which name a constant loinc.
func (c *config) checkVariableName(name string) error {
	if name == "" {
		return fmt.Errorf("variable without a name")
	}
	if Builtin(name) {
		return fmt.Errorf("variable %%%s is defined by the specification", name)
	}
	_, declared := c.variables[name]
	_, constant := c.constants[name]
	if declared || constant {
		return fmt.Errorf("variable %%%s is set twice", name)
	}
	return nil
}

func newConfig(opts []CompileOption) (*config, error) {
	c := &config{schema: untyped, variables: map[string]string{}, constants: map[string]Value{}}
	for _, opt := range opts {
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	c.inputs = slices.DeleteFunc(c.inputs, func(name string) bool { return name == "" })
	if c.schema.model == nil {
		return c, nil
	}
	for _, qualified := range c.inputs {
		name, ok := fhirName(qualified)
		if !ok {
			continue
		}
		id := c.schema.typeOf(name)
		if id == 0 {
			return nil, fmt.Errorf("input type %q is not in FHIR %s", name, c.schema.model.Version())
		}
		if len(c.inputs) == 1 {
			c.input = id
		}
	}
	return c, nil
}
