package workflow

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultDefinitionIsValid(t *testing.T) {
	t.Parallel()
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
}

// happy is, per state of the default definition where a request rests, the event of the straight way.
var happy = map[string]string{
	StateRequirementsGathering: EventComplete, StateRequirementsReview: EventApprove,
	StateFeasibilityValidation: EventFeasible, StatePhenotypeReview: EventApprove,
	StateScheduleKickoff: EventScheduled, StateExtractionApproval: EventApprove,
	StateDataExtraction: EventExtracted, StateQAValidation: EventPassed, StateQAReview: EventApprove,
	StateDataDelivery: EventDelivered,
}

var straightWay = []string{
	"new_request", "requirements_gathering", "requirements_complete", "requirements_review",
	"feasibility_validation", "feasible", "phenotype_review", "schedule_kickoff", "kickoff_complete",
	"extraction_approval", "data_extraction", "extraction_complete", "qa_validation", "qa_passed",
	"qa_review", "data_delivery", "delivered", "complete",
}

func mustCompile(t *testing.T, d *Definition) *Machine {
	t.Helper()
	c, err := Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStraightWay(t *testing.T) {
	t.Parallel()
	c := mustCompile(t, Default())
	moves, p, err := c.Begin(nil)
	var got []string
	for err == nil {
		for _, h := range moves {
			got = append(got, h.To)
		}
		if c.State(p.State).Kind == Terminal {
			break
		}
		moves, p, err = c.Next(p, happy[p.State], nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(straightWay, got); diff != "" {
		t.Error(diff)
	}
}

func TestReturnGoesBackThroughNestedDetours(t *testing.T) {
	t.Parallel()
	c := mustCompile(t, Default())
	p := Position{State: StateDataExtraction}
	for _, s := range []struct{ event, want string }{
		{EventStepFailed, StateHumanReview},
		{EventScopeChange, StateScopeChange},
		{EventReject, StateHumanReview},
		{EventApprove, StateDataExtraction},
		{EventScopeChange, StateScopeChange},
		{EventReject, StateDataExtraction},
	} {
		before := p.State
		var err error
		if _, p, err = c.Next(p, s.event, nil); err != nil {
			t.Fatal(err)
		}
		if p.State != s.want {
			t.Fatalf("%s on %s: got %s, want %s", before, s.event, p.State, s.want)
		}
	}
	if p.Returns != nil {
		t.Errorf("returns are left over: %v", p.Returns)
	}
}

func TestScopeChangeFromAnyLiveStateOnly(t *testing.T) {
	t.Parallel()
	c := mustCompile(t, Default())
	for _, s := range c.Definition().States {
		_, _, err := c.Next(Position{State: s.Name}, EventScopeChange, nil)
		want := s.Kind != Terminal && s.Kind != Pass && s.Name != StateScopeChange
		if got := err == nil; got != want {
			t.Errorf("scope change from %s: %v, want allowed %v", s.Name, err, want)
		}
		if none := (*TransitionError)(nil); err != nil && !errors.As(err, &none) {
			t.Errorf("scope change from %s: got %v, want a TransitionError", s.Name, err)
		}
	}
}

func TestDefinitionFaultsAreAllNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(d *Definition)
		want   []string
	}{
		{"unreachable", func(d *Definition) {
			d.States = append(d.States, State{Name: "island", Kind: Terminal})
		}, []string{"states[23] (island) cannot be reached"}},
		{"roles with the mark between roles", func(d *Definition) {
			d.States[3].Gate.Roles, d.States[3].Gate.EscalateTo = []string{"a|b"}, []string{"c|"}
		}, []string{
			"states[3] (requirements_review).gate.roles[0] contains |",
			"states[3] (requirements_review).gate.escalateTo[0] contains |",
		}},
		{"no state", func(d *Definition) {
			d.Transitions[0].To = "nowhere"
		}, []string{`transitions[0] (new_request on next) leads to no state: "nowhere"`}},
		{"two for one event", func(d *Definition) {
			d.Transitions = append(d.Transitions, Transition{From: StateQAReview, Event: EventApprove, To: StateFailed})
		}, []string{"transitions[43] (qa_review on approve) is never taken: an earlier transition for the event has no conditions"}},
		{"missing outcome and dead end", func(d *Definition) {
			d.Transitions = slices.DeleteFunc(d.Transitions, func(t Transition) bool {
				return t.From == StateQAReview && t.Event == EventModify || t.From == StateDataDelivery
			})
		}, []string{
			"states[16] (qa_review) has no transition for the gate outcome modify",
			"states[17] (data_delivery) is a dead end: it has no transition on step_failed",
			"states[17] (data_delivery) is a dead end: its step has no outcome",
		}},
		{"no way out", func(d *Definition) {
			for i, t := range d.Transitions {
				if t.From == StateQAReview {
					d.Transitions[i].To = StateDataExtraction
				}
				if t.To == StateQAFailed || t.To == StateNotFeasible || t.From == StateHumanReview {
					d.Transitions[i].To = StateHumanReview
				}
			}
			d.States = slices.DeleteFunc(d.States, func(s State) bool {
				return s.Name == StateQAFailed || s.Name == StateNotFeasible || s.Name == StateDataDelivery || s.Name == StateDelivered || s.Name == StateComplete
			})
			d.Transitions = slices.DeleteFunc(d.Transitions, func(t Transition) bool {
				return t.From == StateDataDelivery || t.From == StateDelivered
			})
		}, []string{"(human_review) is a dead end: no terminal state can be reached from it"}},
		{"circle of passes", func(d *Definition) {
			d.States = append(d.States, State{Name: "a", Kind: Pass}, State{Name: "b", Kind: Pass})
			d.Transitions = append(d.Transitions, Transition{From: "a", Event: EventNext, To: "b"},
				Transition{From: "b", Event: EventNext, To: "a"}, Transition{From: StateDataDelivery, Event: "odd", To: "a"})
		}, []string{"(a) leads back to itself", "(b) leads back to itself"}},
		{"gate without roles", func(d *Definition) {
			d.State(StateQAReview).Gate.Roles = nil
		}, []string{"states[16] (qa_review) has a gate without roles"}},
		{"condition without fallback", func(d *Definition) {
			d.Transitions = append(d.Transitions, Transition{
				From: StateDataExtraction, Event: "odd", To: StateFailed,
				When: []Condition{{Path: "/priority", Op: "eq", Value: json.RawMessage(`"stat"`)}},
			})
		}, []string{"has conditions but is not followed by a transition without any"}},
		{"odd condition", func(d *Definition) {
			d.Transitions[1].When = []Condition{{Path: "x", Op: "~"}}
		}, []string{"when[0] its path is not a JSON pointer"}},
		{"conditions that never hold", func(d *Definition) {
			for i, c := range []Condition{
				{Path: "/requirement/phiLevel", Op: "exists"},
				{Path: "/priority", Op: "eq", Value: json.RawMessage(`"stat" "urgent"`)},
			} {
				d.Transitions = append(d.Transitions, Transition{From: StateDataExtraction, Event: []string{"a", "b"}[i], To: StateFailed, When: []Condition{c}})
			}
		}, []string{
			"transitions[43] (data_extraction on a).when[0] its path does not begin with /requirements, /priority or /output",
			"transitions[44] (data_extraction on b).when[0] its value is not JSON",
		}},
		{"texts", func(d *Definition) {
			d.Name = "a\x00"
			d.State(StateQAReview).Gate.Roles = []string{"a\xff"}
			d.State(StateQAReview).Gate.EscalateTo = []string{"", "b\x00"}
		}, []string{
			"name contains a control character", "states[16] (qa_review).gate.roles[0] is not UTF-8",
			"states[16] (qa_review).gate.escalateTo[0] is missing", "states[16] (qa_review).gate.escalateTo[1] contains a control character",
		}},
		{"initial returns", func(d *Definition) {
			d.Initial = StateHumanReview
		}, []string{"initial returns to the previous state, and there is none"}},
		{"initial", func(d *Definition) { d.Initial = StateComplete }, []string{"initial is a terminal state"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := Default()
			tt.change(d)
			err := d.Validate()
			if faults := (*DefinitionError)(nil); !errors.As(err, &faults) {
				t.Fatalf("Validate: got %v, want a DefinitionError", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
		})
	}
}

func TestConditionsChooseTheTransition(t *testing.T) {
	t.Parallel()
	b := Define("test", "work")
	b.Step("work", "do").
		On("done", "small", Condition{Path: "/output/cohort", Op: "lt", Value: json.RawMessage(`10`)},
			Condition{Path: "/requirements/phiLevel", Op: "in", Value: json.RawMessage(`["limited","identified"]`)}).
		On("done", "large").On(EventStepFailed, "small")
	b.Terminal("small").Terminal("large")
	d, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	c := mustCompile(t, d)
	for _, tt := range []struct {
		output string
		level  string
		want   string
	}{
		{`{"cohort":9}`, "limited", "small"},
		{`{"cohort":9}`, "de-identified", "large"},
		{`{"cohort":10.0}`, "limited", "large"},
		{`{}`, "limited", "large"},
		{``, "limited", "large"},
	} {
		f, err := NewFacts("routine", map[string]string{"phiLevel": tt.level}, json.RawMessage(tt.output))
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := c.Next(Position{State: "work"}, "done", f)
		if err != nil || p.State != tt.want {
			t.Errorf("output %s, level %s: got %s, %v; want %s", tt.output, tt.level, p.State, err, tt.want)
		}
	}
}

func TestDefinitionJSONRoundTrip(t *testing.T) {
	t.Parallel()
	d := Default()
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, back); diff != "" {
		t.Error(diff)
	}
	if _, err := Parse(append(raw, "\n{}"...)); err == nil || !strings.Contains(err.Error(), "text after the object (line ") {
		t.Errorf("two objects: got %v, want text after the object", err)
	}
	h1, err1 := d.Hash()
	h2, err2 := back.Hash()
	if h1 != h2 || err1 != nil || err2 != nil {
		t.Errorf("hashes differ: %s %s (%v, %v)", h1, h2, err1, err2)
	}
}
