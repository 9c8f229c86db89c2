package steps

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/runner"
)

// CriterionCount says how many patients satisfy a criterion alone, and how many remain in the cohort after it and the
// previous ones.
type CriterionCount struct {
	Path        string `json:"path"` // "inclusion[0]"
	Description string `json:"description,omitempty"`
	Patients    int    `json:"patients"`
	Left        int    `json:"left"`
}

// cohort finds the patients who satisfy each inclusion criterion and no exclusion criterion, as sorted ids.
func (s *Set) cohort(ctx context.Context, r orchestrator.Requirements) ([]string, []CriterionCount, error) {
	var (
		left   map[string]struct{}
		counts []CriterionCount
	)
	apply := func(name string, list []orchestrator.Criterion, keep func(match map[string]struct{})) error {
		for i, c := range list {
			path := fmt.Sprintf("%s[%d]", name, i)
			match, err := s.matching(ctx, c)
			if err != nil {
				return fmt.Errorf("steps: requirements.%s: %w", path, err)
			}
			keep(match)
			counts = append(counts, CriterionCount{path, c.Description, len(match), len(left)})
		}
		return nil
	}
	err := apply("inclusion", r.Inclusion, func(match map[string]struct{}) {
		if left == nil {
			left = maps.Clone(match)
			return
		}
		maps.DeleteFunc(left, func(id string, _ struct{}) bool { _, ok := match[id]; return !ok })
	})
	if err != nil {
		return nil, nil, err
	}
	err = apply("exclusion", r.Exclusion, func(match map[string]struct{}) {
		for id := range match {
			delete(left, id)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return slices.Sorted(maps.Keys(left)), counts, nil
}

// matching returns the patients who satisfy one criterion.
func (s *Set) matching(ctx context.Context, c orchestrator.Criterion) (map[string]struct{}, error) {
	v, err := compileCriterion(c)
	if err != nil {
		return nil, orchestrator.Permanent(err) // the same text will not compile next time
	}
	least := max(c.MinimumMatches, 1)
	seen := map[string]int{}
	for row, err := range s.rows(ctx, v) {
		if err != nil {
			return nil, lasting(err)
		}
		if id, ok := patientID(row.Value(0).String()); ok {
			seen[id]++
		}
	}
	match := make(map[string]struct{}, len(seen))
	for id, n := range seen {
		if n >= least {
			match[id] = struct{}{}
		}
	}
	return match, nil
}

// rows runs a view through the runner's cache, so that an extraction that follows soon need not compute the cohort
// again. A result that is too large for the cache is streamed.
func (s *Set) rows(ctx context.Context, v *runner.View) iter.Seq2[runner.Row, error] {
	return func(yield func(runner.Row, error) bool) {
		res, err := s.cfg.Runner.Run(ctx, v, runner.OnError(s.cfg.OnError))
		if errors.Is(err, runner.ErrLimit) {
			s.cfg.Runner.Stream(ctx, v, runner.OnError(s.cfg.OnError))(yield)
			return
		}
		if err != nil {
			yield(runner.Row{}, err)
			return
		}
		for row := range res.Rows() {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// lasting marks faults of the data as permanent: a resource that a view cannot turn into rows will be the same at the
// next attempt, while a source that does not answer may answer then. It removes a patient's id, because errors of
// steps are stored.
func lasting(err error) error {
	var fault *runner.RunError
	if !errors.As(err, &fault) {
		return err
	}
	if strings.HasPrefix(fault.Resource, "Patient/") {
		anonymous := *fault
		anonymous.Resource = "Patient"
		err = &anonymous
	}
	return orchestrator.Permanent(err)
}
