package runner

import (
	"context"
	"encoding/json"

	"github.com/researchflow/researchflow/internal/fhirpath"
)

// Terminology answers whether a code is in a value set, for memberOf()
// (http://hl7.org/fhir/R4/fhirpath.html#functions). Many goroutines may call it at the same time.
type Terminology interface {
	// MemberOf reports whether a code is in the value set with the canonical URL valueSet. System is "" if the data
	// has a code without a system. If it returns an error, memberOf() gives an empty collection.
	MemberOf(ctx context.Context, valueSet, system, code string) (bool, error)
}

// WithTerminology sets the service for memberOf(). Without one, a view that uses memberOf() does not compile. Results
// of a view with a service are not cached, since the service's answers may change.
func WithTerminology(t Terminology) CompileOption {
	return func(c *compileConfig) { c.terminology = t }
}

// Resolver returns the resources that references point to, for resolve()
// (http://hl7.org/fhir/R4/fhirpath.html#functions). Many goroutines may call it at the same time.
type Resolver interface {
	// Resolve returns the resource that a reference points to, and nil if there is none. The reference is the text of
	// Reference.reference, or a canonical URL. The bytes must not change until the run has ended. An error counts as
	// an error of the resource that has the reference.
	Resolve(ctx context.Context, reference string) (json.RawMessage, error)
}

// ResolveWith sets where resolve() finds resources that are neither contained in the resource nor entries of it, if it
// is a Bundle. By default it finds no others. Results of a run with a resolver are not cached, since the resolver's
// answers may change.
func ResolveWith(r Resolver) RunOption { return func(c *runConfig) { c.resolver = r } }

// Trace makes trace() call f with its name and the values as JSON. The values are patient data, and valid only during
// the call. Any worker may call f; with [Parallel](1) the calls are in the order of the source. By default trace()
// does nothing.
func Trace(f func(name string, values []json.RawMessage)) RunOption {
	return func(c *runConfig) { c.trace = f }
}

// services passes the run's resolver and trace function to an evaluator.
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

// resolver adapts a Resolver to the evaluator.
type resolver struct{ Resolver }

func (r resolver) Resolve(ctx context.Context, reference string) ([]byte, error) {
	return r.Resolver.Resolve(ctx, reference)
}
