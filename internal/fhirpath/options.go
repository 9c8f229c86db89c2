package fhirpath

import (
	"context"
	"fmt"
	"slices"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// CompileOption configures the compilation of one expression.
type CompileOption func(*config) error

// config holds the options of Compile.
type config struct {
	schema      *schema
	inputs      []string          // names of the possible types of the input
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
	// MemberOf reports whether a code is in the value set with the canonical valueSet. system is "" if the data has a
	// code without its system. An error means that the question cannot be answered: memberOf() is empty then.
	MemberOf(ctx context.Context, valueSet, system, code string) (bool, error)
}

// WithModel sets the FHIR version whose types elements have. Without it elements have no types, and paths follow JSON
// names.
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
// Resources have their type in the data; an evaluation that starts with another element needs it here. Several names,
// which may be qualified ("FHIR.string", "System.String"), are the possible types of items that already have one.
func WithInput(typeNames ...string) CompileOption {
	return func(c *config) error {
		c.inputs = slices.Clone(typeNames)
		return nil
	}
}

// WithVariable declares an environment variable, with the type of its items ("System.Integer", "FHIR.Patient"; "" means
// unknown). [Env] sets its value for an evaluation.
func WithVariable(name, typeName string) CompileOption {
	return func(c *config) error {
		if err := c.checkVariableName(name); err != nil {
			return err
		}
		c.variables[name] = typeName
		return nil
	}
}

// WithConstant sets an environment variable to the same value for every evaluation.
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

// Strict turns the warnings of the static check into errors: an element that its type does not have, a function on
// types that it is not defined for. Without it only expressions that can never succeed are errors: unknown names, and
// operations that fail on every possible item.
func Strict(strict bool) CompileOption {
	return func(c *config) error {
		c.strict = strict
		return nil
	}
}

// RealNames makes it an error to name an element that no type of any known FHIR version has, which is surely a typing
// error. Names that other types or versions have are left to [Strict].
func RealNames(on bool) CompileOption {
	return func(c *config) error {
		c.realNames = on
		return nil
	}
}

// ChoiceNames allows valueQuantity for value.ofType(Quantity), as in published views. FHIRPath has no such element, and
// [Strict] still refuses it.
func ChoiceNames(on bool) CompileOption {
	return func(c *config) error {
		c.choiceNames = on
		return nil
	}
}

// EmptyJoin makes join() of an empty collection the empty string, as in the SQL on FHIR suite before June 2026. By
// default it is empty, as in the FHIRPath specification.
func EmptyJoin(on bool) CompileOption {
	return func(c *config) error {
		c.emptyJoin = on
		return nil
	}
}

// Ordered refuses functions that depend on an order, such as first() and skip(), on collections without one, such as
// children().
func Ordered(ordered bool) CompileOption {
	return func(c *config) error {
		c.ordered = ordered
		return nil
	}
}

// WithTerminology sets the service for memberOf(). Without it expressions with memberOf() do not compile. Any goroutine
// that evaluates the program may call the service.
func WithTerminology(t Terminology) CompileOption {
	return func(c *config) error {
		c.terminology = t
		return nil
	}
}

// checkVariableName checks that a variable may have the name. Names that stand for the URL of a code system are
// allowed, because there are views with a constant named loinc.
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
