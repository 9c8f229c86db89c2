package researchflow

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"

	"github.com/researchflow/researchflow/internal/synth"
	"github.com/researchflow/researchflow/runner"
)

// SyntheticSeed is the seed of the synthetic data that [Open] uses when the configuration names no other source.
const SyntheticSeed = 2026

// population is the synthetic data as a source: resources by type. It never changes.
type population struct {
	seed   uint64
	byType map[string][]json.RawMessage
}

var (
	_ runner.Source           = (*population)(nil)
	_ runner.IdentifiedSource = (*population)(nil)
)

func newPopulation(seed uint64) (*population, error) {
	p := &population{seed: seed, byType: map[string][]json.RawMessage{}}
	for r, err := range synth.Resources(synth.Config{Seed: seed}) {
		if err != nil {
			return nil, err
		}
		p.byType[r.Type] = append(p.byType[r.Type], r.JSON)
	}
	return p, nil
}

// Resources yields the resources of a type. It cannot search.
func (p *population) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if len(params) > 0 {
			yield(nil, runner.ErrSearch)
			return
		}
		for _, r := range p.byType[resourceType] {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Identity names the seed, which decides all bytes.
func (p *population) Identity() (string, bool) { return fmt.Sprintf("synthetic %d", p.seed), true }
