package synth

// The FHIR R4 elements that the population uses, as encoding/json writes them.

type resource interface{ key() (kind, id string) }

type meta struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
}

func (m meta) key() (string, string) { return m.ResourceType, m.ID }

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

type reference struct {
	Reference string `json:"reference"`
}

type period struct {
	Start string `json:"start"`
	End   string `json:"end,omitempty"`
}

// decimal is a number in tenths: 65 is written as 6.5, which keeps every value exact.
type decimal int

func (d decimal) MarshalJSON() ([]byte, error) { return appendTenths(nil, int(d)), nil }

type quantity struct {
	Value  decimal `json:"value"`
	Unit   string  `json:"unit"`
	System string  `json:"system,omitempty"`
	Code   string  `json:"code,omitempty"`
}

type identifier struct {
	Use    string   `json:"use,omitempty"`
	Type   *concept `json:"type,omitempty"`
	System string   `json:"system"`
	Value  string   `json:"value"`
}

type humanName struct {
	Use    string   `json:"use,omitempty"`
	Family string   `json:"family"`
	Given  []string `json:"given"`
	Prefix []string `json:"prefix,omitempty"`
}

type contactPoint struct {
	System string `json:"system"`
	Value  string `json:"value"`
	Use    string `json:"use,omitempty"`
}

type address struct {
	Use        string   `json:"use,omitempty"`
	Line       []string `json:"line"`
	City       string   `json:"city"`
	State      string   `json:"state"`
	PostalCode string   `json:"postalCode"`
	Country    string   `json:"country"`
}

type organization struct {
	meta
	Active bool   `json:"active"`
	Name   string `json:"name"`
}

type practitioner struct {
	meta
	Active bool        `json:"active"`
	Name   []humanName `json:"name"`
}

type patient struct {
	meta
	Identifier           []identifier   `json:"identifier"`
	Active               *bool          `json:"active,omitempty"`
	Name                 []humanName    `json:"name"`
	Telecom              []contactPoint `json:"telecom,omitempty"`
	Gender               string         `json:"gender"`
	BirthDate            string         `json:"birthDate"`
	DeceasedDateTime     string         `json:"deceasedDateTime,omitempty"`
	Address              []address      `json:"address,omitempty"`
	MaritalStatus        *concept       `json:"maritalStatus,omitempty"`
	GeneralPractitioner  []reference    `json:"generalPractitioner,omitempty"`
	ManagingOrganization *reference     `json:"managingOrganization,omitempty"`
}

type participant struct {
	Individual reference `json:"individual"`
}

type encounter struct {
	meta
	Status          string        `json:"status"`
	Class           coding        `json:"class"`
	Type            []concept     `json:"type"`
	Subject         reference     `json:"subject"`
	Participant     []participant `json:"participant"`
	Period          period        `json:"period"`
	ReasonCode      []concept     `json:"reasonCode,omitempty"`
	ServiceProvider reference     `json:"serviceProvider"`
}

type condition struct {
	meta
	ClinicalStatus     concept    `json:"clinicalStatus"`
	VerificationStatus concept    `json:"verificationStatus"`
	Category           []concept  `json:"category"`
	Code               concept    `json:"code"`
	Subject            reference  `json:"subject"`
	Encounter          *reference `json:"encounter,omitempty"`
	OnsetDateTime      string     `json:"onsetDateTime"`
	AbatementDateTime  string     `json:"abatementDateTime,omitempty"`
	RecordedDate       string     `json:"recordedDate"`
	Recorder           *reference `json:"recorder,omitempty"`
}

type observation struct {
	meta
	Status               string      `json:"status"`
	Category             []concept   `json:"category"`
	Code                 concept     `json:"code"`
	Subject              reference   `json:"subject"`
	Encounter            reference   `json:"encounter"`
	EffectiveDateTime    string      `json:"effectiveDateTime"`
	Issued               string      `json:"issued"`
	Performer            []reference `json:"performer,omitempty"`
	ValueQuantity        *quantity   `json:"valueQuantity,omitempty"`
	ValueCodeableConcept *concept    `json:"valueCodeableConcept,omitempty"`
	DataAbsentReason     *concept    `json:"dataAbsentReason,omitempty"`
	Interpretation       []concept   `json:"interpretation,omitempty"`
	ReferenceRange       []refRange  `json:"referenceRange,omitempty"`
	Component            []component `json:"component,omitempty"`
}

type refRange struct {
	Low  *quantity `json:"low,omitempty"`
	High *quantity `json:"high,omitempty"`
}

type component struct {
	Code          concept  `json:"code"`
	ValueQuantity quantity `json:"valueQuantity"`
}

type repeat struct {
	Frequency  int    `json:"frequency"`
	Period     int    `json:"period"`
	PeriodUnit string `json:"periodUnit"`
}

type timing struct {
	Repeat repeat `json:"repeat"`
}

type doseAndRate struct {
	DoseQuantity quantity `json:"doseQuantity"`
}

type dosage struct {
	Sequence    int           `json:"sequence"`
	Text        string        `json:"text"`
	Timing      timing        `json:"timing"`
	Route       concept       `json:"route"`
	DoseAndRate []doseAndRate `json:"doseAndRate"`
}

type dispenseRequest struct {
	ValidityPeriod         period   `json:"validityPeriod"`
	NumberOfRepeatsAllowed int      `json:"numberOfRepeatsAllowed"`
	Quantity               quantity `json:"quantity"`
}

type medicationRequest struct {
	meta
	Status                    string          `json:"status"`
	Intent                    string          `json:"intent"`
	Priority                  string          `json:"priority,omitempty"`
	MedicationCodeableConcept concept         `json:"medicationCodeableConcept"`
	Subject                   reference       `json:"subject"`
	Encounter                 reference       `json:"encounter"`
	AuthoredOn                string          `json:"authoredOn"`
	Requester                 reference       `json:"requester"`
	ReasonReference           []reference     `json:"reasonReference,omitempty"`
	DosageInstruction         []dosage        `json:"dosageInstruction"`
	DispenseRequest           dispenseRequest `json:"dispenseRequest"`
}

type performer struct {
	Actor reference `json:"actor"`
}

type procedure struct {
	meta
	Status          string      `json:"status"`
	Category        *concept    `json:"category,omitempty"`
	Code            concept     `json:"code"`
	Subject         reference   `json:"subject"`
	Encounter       reference   `json:"encounter"`
	PerformedPeriod period      `json:"performedPeriod"`
	Performer       []performer `json:"performer,omitempty"`
	ReasonReference []reference `json:"reasonReference,omitempty"`
	BodySite        []concept   `json:"bodySite,omitempty"`
}
