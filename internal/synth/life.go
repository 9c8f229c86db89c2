package synth

import (
	"fmt"
	"time"
)

// life is one patient and everything recorded about them.
type life struct {
	source
	until    time.Time // no record is later than this
	birth    time.Time
	patient  patient
	subject  reference
	doctor   reference
	provider reference
	height   int // tenths of cm
	weight   int // tenths of kg at the first visit
	hba1c    int // tenths of % at the first visit
	smoker   bool
	has      map[string]*condition // by SNOMED CT code

	encounters  []encounter
	conditions  []*condition
	others      []resource // observations, medication requests, procedures
	lastMeasure map[string]time.Time
}

func newLife(cfg Config, index int, st *staff) *life {
	l := &life{
		source: newSource(cfg.Seed, uint64(index)), until: cfg.Until,
		has: map[string]*condition{}, lastMeasure: map[string]time.Time{},
	}
	l.doctor = refTo(pick(l.source, st.practitioners))
	l.provider = refTo(pick(l.source, st.organizations))
	l.makePatient(index)
	l.chooseDiseases()
	l.live()
	return l
}

func (l *life) resources() []resource {
	out := []resource{l.patient}
	for _, e := range l.encounters {
		out = append(out, e)
	}
	for _, c := range l.conditions {
		out = append(out, c)
	}
	return append(out, l.others...)
}

func (l *life) age(at time.Time) int {
	years := at.Year() - l.birth.Year()
	if at.YearDay() < l.birth.YearDay() {
		years--
	}
	return years
}

// makePatient makes the Patient: one in eight is a child, adults are up to 92, and a few of the old are deceased.
func (l *life) makePatient(index int) {
	years := l.between(18, 60) + l.between(0, 32)
	if l.permille(125) {
		years = l.between(1, 17)
	}
	l.birth = l.until.AddDate(-years, 0, -l.between(1, 360))
	gender := "male"
	if l.permille(515) {
		gender = "female"
	}
	given := []string{pick(l.source, names(gender))}
	if l.permille(400) {
		given = append(given, pick(l.source, names(gender)))
	}
	family := pick(l.source, families())
	if l.permille(8) {
		gender = "other"
	}
	p := patient{
		meta: meta{"Patient", l.id()},
		Identifier: []identifier{{
			Use: "usual", Type: &concept{Coding: []coding{{hl7 + "v2-0203", "MR", "Medical record number"}}},
			System: "https://synthetic.example.org/mrn", Value: fmt.Sprintf("MRN-%07d", 1000000+index),
		}},
		Gender: gender, BirthDate: date(l.birth),
		Name:                 []humanName{{Use: "official", Family: family, Given: given}},
		GeneralPractitioner:  []reference{l.doctor},
		ManagingOrganization: &l.provider,
	}
	if l.permille(800) {
		p.Identifier = append(p.Identifier, identifier{
			Type:   &concept{Coding: []coding{{hl7 + "v2-0203", "SS", "Social Security number"}}},
			System: "http://hl7.org/fhir/sid/us-ssn",
			Value:  fmt.Sprintf("999-%02d-%04d", l.between(10, 99), l.between(1000, 9999)),
		})
	}
	if !l.permille(60) {
		active := !l.permille(15)
		p.Active = &active
	}
	if l.permille(900) {
		p.Telecom = append(p.Telecom, contactPoint{"phone", fmt.Sprintf("555-01%02d", l.below(100)), "home"})
	}
	if l.permille(600) {
		p.Telecom = append(p.Telecom, contactPoint{"email", fmt.Sprintf("patient%d@example.org", index), "home"})
	}
	home := pick(l.source, cities())
	home.Use, home.Country = "home", "US"
	home.Line = []string{fmt.Sprintf("%d %s", l.between(1, 999), pick(l.source, streets()))}
	p.Address = []address{home}
	if years >= 18 {
		status := pick(l.source, []coding{
			{hl7 + "v3-MaritalStatus", "M", "Married"},
			{hl7 + "v3-MaritalStatus", "S", "Never Married"},
			{hl7 + "v3-MaritalStatus", "D", "Divorced"},
			{hl7 + "v3-MaritalStatus", "W", "Widowed"},
		})
		p.MaritalStatus = &concept{Coding: []coding{status}, Text: status.Display}
	}
	if years >= 70 && l.permille(150) {
		l.until = l.until.AddDate(0, 0, -l.between(1, 700))
		p.DeceasedDateTime = instant(l.until.Add(time.Duration(l.between(0, 86399)) * time.Second))
	}
	l.patient, l.subject = p, reference{"Patient/" + p.ID}

	l.height = l.around(1690, 60)
	if gender == "male" {
		l.height += 80
	}
	if years < 18 {
		l.height = 700 + years*60
	}
	bmi := l.around(265, 35) // tenths of kg/m2
	l.weight = bmi * l.height / 1000 * l.height / 1000
	l.smoker = years >= 18 && l.permille(160)
}

// chooseDiseases chooses chronic and passing diseases. Nobody has both types of diabetes; diabetes and high blood
// pressure make kidney disease more likely.
func (l *life) chooseDiseases() {
	age := l.age(l.until)
	if age < 18 {
		if l.permille(90) {
			l.diagnose(diseases()[5], age)
		}
		return
	}
	band := 0
	switch {
	case age >= 65:
		band = 2
	case age >= 45:
		band = 1
	}
	for _, d := range diseases() {
		chance := d.chance[band]
		switch d.snomed {
		case t1d:
			if l.has[t2d] != nil {
				chance = 0
			}
		case kidney:
			if l.has[t2d] != nil || l.has[hyperten] != nil {
				chance *= 3
			}
		case hyperten, lipids:
			if l.has[t2d] != nil {
				chance += (1000 - chance) / 3
			}
		}
		if l.permille(chance) {
			l.diagnose(d, age)
		}
	}
	switch {
	case l.has[t2d] != nil:
		l.hba1c = l.around(78, 6)
	case l.has[t1d] != nil:
		l.hba1c = l.around(80, 5)
	default:
		l.hba1c = l.around(53, 1)
	}
}

// diagnose records a condition: chronic ones begin up to 15 years back, passing ones within six years.
func (l *life) diagnose(d disease, age int) {
	span := 6
	if d.chronic {
		span = 15
	}
	onset := l.until.AddDate(0, 0, -l.between(40, 365*min(span, max(1, age))))
	if onset.Before(l.birth) {
		onset = l.birth
	}
	c := &condition{
		meta:               meta{"Condition", l.id()},
		ClinicalStatus:     concept{Coding: []coding{{hl7 + "condition-clinical", "active", "Active"}}},
		VerificationStatus: concept{Coding: []coding{{hl7 + "condition-ver-status", "confirmed", "Confirmed"}}},
		Category:           []concept{{Coding: []coding{{hl7 + "condition-category", "problem-list-item", "Problem List Item"}}}},
		Code:               concept{Coding: []coding{{snomed, d.snomed, d.text}, {icd10, d.icd10, d.text}}, Text: d.text},
		Subject:            l.subject,
		OnsetDateTime:      instant(onset),
		RecordedDate:       instant(onset),
		Recorder:           &l.doctor,
	}
	if !d.chronic {
		end := onset.AddDate(0, 0, l.between(7, 30))
		c.ClinicalStatus = concept{Coding: []coding{{hl7 + "condition-clinical", "resolved", "Resolved"}}}
		c.Category = []concept{{Coding: []coding{{hl7 + "condition-category", "encounter-diagnosis", "Encounter Diagnosis"}}}}
		c.AbatementDateTime = instant(end)
		l.visit(onset.Add(time.Duration(l.between(8, 17))*time.Hour), visitUrgent, c)
	}
	l.has[d.snomed] = c
	l.conditions = append(l.conditions, c)
	l.treat(d, c, onset)
}
