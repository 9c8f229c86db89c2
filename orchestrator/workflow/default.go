package workflow

import "time"

// States of the default definition.
const (
	StateNewRequest            = "new_request"
	StateRequirementsGathering = "requirements_gathering"
	StateRequirementsComplete  = "requirements_complete"
	StateRequirementsReview    = "requirements_review"
	StateFeasibilityValidation = "feasibility_validation"
	StateFeasible              = "feasible"
	StateNotFeasible           = "not_feasible"
	StatePhenotypeReview       = "phenotype_review"
	StateScheduleKickoff       = "schedule_kickoff"
	StateKickoffComplete       = "kickoff_complete"
	StateExtractionApproval    = "extraction_approval"
	StateDataExtraction        = "data_extraction"
	StateExtractionComplete    = "extraction_complete"
	StateQAValidation          = "qa_validation"
	StateQAPassed              = "qa_passed"
	StateQAFailed              = "qa_failed"
	StateQAReview              = "qa_review"
	StateDataDelivery          = "data_delivery"
	StateDelivered             = "delivered"
	StateComplete              = "complete"
	StateFailed                = "failed"
	StateScopeChange           = "scope_change"
	StateHumanReview           = "human_review"
)

// Roles that the default definition uses.
const (
	RoleResearcher      = "researcher"
	RoleInformatician   = "informatician"    // requirements_review, phenotype_review
	RoleDataSteward     = "data_steward"     // extraction_approval, scope_change
	RoleQualityReviewer = "quality_reviewer" // qa_review
	RoleAdministrator   = "administrator"    // human_review, and every escalation
)

// Names of the default definition's steps.
const (
	StepRequirements = "gather_requirements"  // events complete, incomplete
	StepFeasibility  = "validate_feasibility" // events feasible, not_feasible
	StepKickoff      = "schedule_kickoff"     // event scheduled
	StepExtraction   = "extract_data"         // event extracted
	StepQA           = "validate_quality"     // events passed, failed
	StepDelivery     = "deliver_data"         // event delivered
)

// Outcomes of the default definition's steps.
const (
	EventComplete    = "complete"
	EventIncomplete  = "incomplete"
	EventFeasible    = "feasible"
	EventNotFeasible = "not_feasible"
	EventScheduled   = "scheduled"
	EventExtracted   = "extracted"
	EventPassed      = "passed"
	EventFailed      = "failed"
	EventDelivered   = "delivered"
)

// Default returns the workflow of a clinical data request: requirements, feasibility, kick-off, extraction, QA and
// delivery, with five gates on the way. Modified requirements are checked for feasibility again. Each call returns a
// new value, which the caller may change before use.
func Default() *Definition {
	const h = Duration(time.Hour)
	gate := func(timeout Duration, roles ...string) GateRule {
		return GateRule{
			Roles: roles, Timeout: timeout, Reminders: []Duration{timeout / 2}, EscalateTo: []string{RoleAdministrator},
		}
	}
	b := Define("clinical-data-request", StateNewRequest)
	b.Pass(StateNewRequest, StateRequirementsGathering)

	b.Step(StateRequirementsGathering, StepRequirements).
		On(EventComplete, StateRequirementsComplete).
		On(EventIncomplete, StateHumanReview).
		On(EventStepFailed, StateHumanReview)
	b.Pass(StateRequirementsComplete, StateRequirementsReview)
	b.Gate(StateRequirementsReview, gate(24*h, RoleInformatician)).
		On(EventApprove, StateFeasibilityValidation).
		On(EventReject, StateRequirementsGathering).
		On(EventModify, StateFeasibilityValidation)

	b.Step(StateFeasibilityValidation, StepFeasibility).
		On(EventFeasible, StateFeasible).
		On(EventNotFeasible, StateNotFeasible).
		On(EventStepFailed, StateHumanReview)
	b.Pass(StateFeasible, StatePhenotypeReview)
	b.Terminal(StateNotFeasible)
	b.Gate(StatePhenotypeReview, gate(24*h, RoleInformatician)).
		On(EventApprove, StateScheduleKickoff).
		On(EventReject, StateFeasibilityValidation).
		On(EventModify, StateFeasibilityValidation)

	b.Step(StateScheduleKickoff, StepKickoff).
		On(EventScheduled, StateKickoffComplete).
		On(EventStepFailed, StateHumanReview)
	b.Pass(StateKickoffComplete, StateExtractionApproval)
	b.Gate(StateExtractionApproval, gate(12*h, RoleDataSteward)).
		On(EventApprove, StateDataExtraction).
		On(EventReject, StateHumanReview).
		On(EventModify, StateFeasibilityValidation)

	b.Step(StateDataExtraction, StepExtraction).
		On(EventExtracted, StateExtractionComplete).
		On(EventStepFailed, StateHumanReview)
	b.Pass(StateExtractionComplete, StateQAValidation)
	b.Step(StateQAValidation, StepQA).
		On(EventPassed, StateQAPassed).
		On(EventFailed, StateQAFailed).
		On(EventStepFailed, StateHumanReview)
	b.Pass(StateQAPassed, StateQAReview)
	b.Terminal(StateQAFailed)
	b.Gate(StateQAReview, gate(24*h, RoleQualityReviewer)).
		On(EventApprove, StateDataDelivery).
		On(EventReject, StateDataExtraction).
		On(EventModify, StateFeasibilityValidation)

	b.Step(StateDataDelivery, StepDelivery).
		On(EventDelivered, StateDelivered).
		On(EventStepFailed, StateHumanReview)
	b.Pass(StateDelivered, StateComplete)
	b.Terminal(StateComplete)
	b.Terminal(StateFailed)

	b.Gate(StateScopeChange, gate(48*h, RoleDataSteward)).
		On(EventApprove, StateRequirementsGathering).
		On(EventReject, Return).
		On(EventModify, StateRequirementsGathering)
	b.Gate(StateHumanReview, GateRule{Roles: []string{RoleAdministrator}}).
		On(EventApprove, Return).
		On(EventRetry, Return).
		On(EventReject, StateFailed).
		On(EventModify, StateRequirementsGathering)
	b.Anywhere(EventScopeChange, StateScopeChange)
	b.Anywhere(EventWithdraw, StateFailed)
	return b.definition()
}
