package synth

import "time"

type visitKind struct{ class, classText, snomed, text string }

var (
	visitCheckUp  = visitKind{"AMB", "ambulatory", "185349003", "Encounter for check up"}
	visitFollowUp = visitKind{"AMB", "ambulatory", "390906007", "Follow-up encounter"}
	visitUrgent   = visitKind{"AMB", "ambulatory", "702927004", "Urgent care clinic encounter"}
)

// visit adds an Encounter that lasts from 15 to 60 minutes, and its reason when there is one.
func (l *life) visit(at time.Time, kind visitKind, reason *condition) reference {
	e := encounter{
		meta:            meta{"Encounter", l.id()},
		Status:          "finished",
		Class:           coding{hl7 + "v3-ActCode", kind.class, kind.classText},
		Type:            []concept{{Coding: []coding{{snomed, kind.snomed, kind.text}}, Text: kind.text}},
		Subject:         l.subject,
		Participant:     []participant{{l.doctor}},
		Period:          period{instant(at), instant(at.Add(time.Duration(l.between(15, 60)) * time.Minute))},
		ServiceProvider: l.provider,
	}
	ref := refTo(e)
	if reason != nil {
		e.ReasonCode = []concept{reason.Code}
		reason.Encounter = &ref
	}
	l.encounters = append(l.encounters, e)
	return ref
}

// live goes through the last five years: a check-up a year, and for the chronically ill another visit half
// a year later. One patient in twenty-five never comes and has no data but the Patient.
func (l *life) live() {
	if l.permille(40) {
		return
	}
	chronic := false
	for _, c := range l.conditions {
		chronic = chronic || c.AbatementDateTime == ""
	}
	const years = 5
	for y := years; y > 0; y-- {
		at := l.until.AddDate(-y, 0, l.between(0, 150)).Add(time.Duration(l.between(8*60, 17*60)) * time.Minute)
		if at.Before(l.birth) || l.permille(150) {
			continue
		}
		enc := l.visit(at, visitCheckUp, nil)
		l.measure(enc, at, years-y)
		l.check(enc, at)
		if next := at.AddDate(0, 0, l.between(160, 200)); chronic && next.Before(l.until) {
			enc := l.visit(next, visitFollowUp, nil)
			l.measure(enc, next, years-y)
		}
	}
}

// treat prescribes: the first drug of a disease always, each further one for some.
func (l *life) treat(d disease, c *condition, onset time.Time) {
	for i, drug := range d.drugs {
		if i > 0 && !l.permille(350) {
			continue
		}
		start := onset.AddDate(0, i*l.between(6, 18), l.between(0, 3)).Add(time.Duration(l.between(8, 17)) * time.Hour)
		if !start.Before(l.until) {
			continue
		}
		var enc reference
		if c.Encounter != nil {
			enc = *c.Encounter // a passing disease is treated at the visit that found it
		} else {
			enc = l.visit(start, visitFollowUp, nil)
		}
		status, days := "active", 90
		switch {
		case !d.chronic:
			status, days = "completed", 7
		case l.permille(120):
			status = "stopped"
		case l.permille(30):
			status = "on-hold"
		}
		l.others = append(l.others, medicationRequest{
			meta: meta{"MedicationRequest", l.id()}, Status: status, Intent: "order", Priority: "routine",
			MedicationCodeableConcept: concept{Coding: []coding{{rxnorm, drug.rxnorm, drug.text}}, Text: drug.text},
			Subject:                   l.subject, Encounter: enc, AuthoredOn: instant(start), Requester: l.doctor,
			ReasonReference: []reference{refTo(c)},
			DosageInstruction: []dosage{{
				Sequence: 1, Text: drug.instruction,
				Timing:      timing{repeat{drug.frequency, drug.period, "d"}},
				Route:       concept{Coding: []coding{{snomed, drug.routeCode, drug.route}}, Text: drug.route},
				DoseAndRate: []doseAndRate{{quantity{Value: decimal(drug.dose * 10), Unit: drug.unit}}},
			}},
			DispenseRequest: dispenseRequest{
				ValidityPeriod:         period{Start: date(start), End: date(start.AddDate(0, 0, days))},
				NumberOfRepeatsAllowed: l.between(0, 3),
				Quantity:               quantity{Value: decimal(drug.dose * drug.frequency * days * 10), Unit: drug.unit},
			},
		})
	}
}

// check adds the procedures of a check-up.
func (l *life) check(enc reference, at time.Time) {
	if l.permille(850) {
		l.perform(enc, at, coding{snomed, "428191000124101", "Documentation of current medications"}, nil, nil, 10)
	}
	if l.permille(500) {
		l.perform(enc, at, coding{snomed, "86198006", "Administration of influenza vaccine"}, nil,
			&coding{snomed, "16217701000119102", "Structure of left deltoid muscle"}, 5)
	}
	if c := l.has[t2d]; c != nil && l.permille(600) {
		l.perform(enc, at, coding{snomed, "401191002", "Diabetic foot examination"}, c, &coding{snomed, "56459004", "Foot structure"}, 15)
	}
	if c := l.has[hyperten]; c != nil && l.permille(250) {
		l.perform(enc, at, coding{snomed, "29303009", "Electrocardiographic procedure"}, c, nil, 10)
	}
	if l.age(at) >= 50 && l.permille(90) {
		l.perform(enc, at, coding{snomed, "73761001", "Colonoscopy"}, nil, &coding{snomed, "71854001", "Colon structure"}, 45)
	}
}

func (l *life) perform(enc reference, at time.Time, code coding, reason *condition, site *coding, minutes int) {
	p := procedure{
		meta: meta{"Procedure", l.id()}, Status: "completed",
		Code: concept{Coding: []coding{code}, Text: code.Display}, Subject: l.subject, Encounter: enc,
		PerformedPeriod: period{instant(at), instant(at.Add(time.Duration(minutes) * time.Minute))},
		Performer:       []performer{{l.doctor}},
	}
	if l.permille(20) {
		p.Status = "not-done"
	}
	if reason != nil {
		p.ReasonReference = []reference{refTo(reason)}
	}
	if site != nil {
		p.BodySite = []concept{{Coding: []coding{*site}}}
	}
	l.others = append(l.others, p)
}
