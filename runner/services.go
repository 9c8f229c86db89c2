package runner

import (
	"context"
	"encoding/json"

	"github.com/researchflow/researchflow/internal/fhirpath"
)

// Terminology answers whether a code is in a value set, for memberOf() (http://hl7.org/fhir/R4/fhirpath.html#functions). Any
// number of goroutines may ask at the same time.
type Terminology interface {
	// MemberOf reports whether a code is in the value set with the canonical URL valueSet. system is "" where the data
	// gives a code without its system. An error says that the question cannot be answered: memberOf() is then empty.
	MemberOf(ctx context.Context, valueSet, system, code string) (bool, error)
}

// WithTerminology sets the service that memberOf() asks. Without it a view with memberOf() does not compile. Rows of a view
// with a service are never taken from a cache, since the service may have learnt.
func WithTerminology(t Terminology) CompileOption {
	return func(c *compileConfig) { c.terminology = t }
}

// Resolver brings the resources that references lead to, for resolve() (http://hl7.org/fhir/R4/fhirpath.html#functions). Any
// number of goroutines may ask at the same time.
type Resolver interface {
	// Resolve returns the resource that a reference (the text of Reference.reference, or a canonical URL) leads to, nil
	// where there is none. The bytes must not change until the run has ended. An error is one of the resource that has
	// the reference.
	Resolve(ctx context.Context, reference string) (json.RawMessage, error)
}

// ResolveWith sets where resolve() looks for what is neither contained in the resource nor in the Bundle that it is. By
// default there is nothing. Rows of a run with a resolver are never taken from a cache, since it may have learnt.
func ResolveWith(r Resolver) RunOption { return func(c *runConfig) { c.resolver = r } }

// Trace sets what trace() calls, with its name and the values as JSON, which are good during the call only. They are
// patient data. Any worker may call it; [Parallel] with 1 keeps the calls in the order of the source. By default trace()
// is silent.
func Trace(f func(name string, values []json.RawMessage)) RunOption {
	return func(c *runConfig) { c.trace = f }
}

// services connects an evaluator to what the run was given.
func (c *runConfig) services(config *fhirpath.EvalConfig) {
	if c.resolver != nil {
		config.Resolver = resolver{c.resolver}
	}
	if c.trace != nil {
		config.Trace = func(name string, values fhirpath.Collection) {
			texts := make([]json.RawMessage, len(values))
			for i, v := range values {
				texts[i] = v.AppendJSON(nil)
			}
			c.trace(name, texts)
		}
	}
}

// resolver is a Resolver as the evaluator wants it.
type resolver struct{ Resolver }

func (r resolver) Resolve(ctx context.Context, reference string) ([]byte, error) {
	return r.Resolver.Resolve(ctx, reference)
}
