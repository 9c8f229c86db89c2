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

// syntheticSeed is the seed of the data that [Open] uses if the configuration names no other source.
const syntheticSeed = 2026

// syntheticSource is a source of synthetic data, which it holds in memory. It never changes.
type syntheticSource struct {
	seed   uint64
	byType map[string][]json.RawMessage
}

var (
	_ runner.Source           = (*syntheticSource)(nil)
	_ runner.IdentifiedSource = (*syntheticSource)(nil)
)

func newSyntheticSource(seed uint64) (*syntheticSource, error) {
	s := &syntheticSource{seed: seed, byType: map[string][]json.RawMessage{}}
	for r, err := range synth.Resources(synth.Config{Seed: seed}) {
		if err != nil {
			return nil, err
		}
		s.byType[r.Type] = append(s.byType[r.Type], r.JSON)
	}
	return s, nil
}

// Resources yields the resources of a type. It cannot search.
func (s *syntheticSource) Resources(ctx context.Context, resourceType string, params url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if len(params) > 0 {
			yield(nil, runner.ErrSearch)
			return
		}
		for _, r := range s.byType[resourceType] {
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

// Identity names the seed, which determines every byte of the data.
func (s *syntheticSource) Identity() (string, bool) { return fmt.Sprintf("synthetic %d", s.seed), true }
