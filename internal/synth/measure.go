package synth

import "time"

// measure adds the observations of a visit: vital signs always, laboratory values when the last ones are
// old enough. year counts from the first year of records; diabetes under treatment improves with it.
func (l *life) measure(enc reference, at time.Time, year int) {
	weight := max(60, l.weight+l.around(0, 8)+year*2)
	l.vital(enc, at, "29463-7", "Body weight", "kg", "kg", weight)
	if l.due("height", at, 700) {
		l.vital(enc, at, "8302-2", "Body height", "cm", "cm", l.height)
	}
	bmi := weight * 1000 / l.height * 1000 / l.height
	l.vital(enc, at, "39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", "kg/m2", bmi)
	l.vital(enc, at, "8867-4", "Heart rate", "beats/minute", "/min", 10*l.around(74, 5))
	l.bloodPressure(enc, at)
	if l.age(at) < 18 {
		return
	}
	if l.due("smoking", at, 300) {
		l.smoking(enc, at)
	}
	diabetic := l.has[t2d] != nil || l.has[t1d] != nil
	if diabetic && l.permille(930) || !diabetic && l.age(at) >= 45 && l.due("hba1c", at, 1000) {
		value := l.hba1c
		if diabetic {
			value = max(58, value-year*2+l.around(0, 3))
		}
		l.lab(enc, at, labHbA1c, value)
		l.lab(enc, at, labGlucose, (287*value/10-467)/10*10)
	}
	if l.due("chemistry", at, 300) {
		creatinine, egfr := l.around(9, 1), l.around(920, 60)
		if l.has[kidney] != nil {
			creatinine, egfr = l.around(16, 1), l.around(450, 40)
		}
		l.lab(enc, at, labCreatinine, creatinine)
		l.lab(enc, at, labEGFR, egfr)
	}
	if l.due("lipids", at, 600) {
		ldl, hdl, tri := l.around(1080, 90), l.around(540, 40), l.around(1250, 150)
		if l.has[lipids] != nil {
			ldl, tri = ldl+350, tri+500
		}
		l.lab(enc, at, labCholesterol, ldl+hdl+tri/5)
		l.lab(enc, at, labLDL, ldl)
		l.lab(enc, at, labHDL, hdl)
		l.lab(enc, at, labTriglycerides, tri)
	}
}

// due reports whether the last measurement of a kind is at least that many days ago, and if so records this one.
func (l *life) due(kind string, at time.Time, days int) bool {
	if last, ok := l.lastMeasure[kind]; ok && at.Before(last.AddDate(0, 0, days)) {
		return false
	}
	l.lastMeasure[kind] = at
	return true
}

func (l *life) observe(enc reference, at time.Time, category, code, text string) observation {
	return observation{
		meta: meta{"Observation", l.id()}, Status: "final",
		Category: []concept{{Coding: []coding{{hl7 + "observation-category", category, ""}}}},
		Code:     concept{Coding: []coding{{loinc, code, text}}, Text: text},
		Subject:  l.subject, Encounter: enc, EffectiveDateTime: instant(at), Issued: instant(at),
		Performer: []reference{l.doctor},
	}
}

func (l *life) vital(enc reference, at time.Time, code, text, unit, ucumCode string, value int) {
	o := l.observe(enc, at, "vital-signs", code, text)
	o.ValueQuantity = &quantity{decimal(value), unit, ucum, ucumCode}
	l.others = append(l.others, o)
}

func (l *life) bloodPressure(enc reference, at time.Time) {
	o := l.observe(enc, at, "vital-signs", "85354-9", "Blood pressure panel with all children optional")
	systolic, diastolic := l.around(118, 6), l.around(75, 4)
	if l.has[hyperten] != nil {
		systolic, diastolic = systolic+18, diastolic+9
	}
	o.Component = []component{
		{
			concept{Coding: []coding{{loinc, "8480-6", "Systolic blood pressure"}}},
			quantity{decimal(systolic * 10), "mmHg", ucum, "mm[Hg]"},
		},
		{
			concept{Coding: []coding{{loinc, "8462-4", "Diastolic blood pressure"}}},
			quantity{decimal(diastolic * 10), "mmHg", ucum, "mm[Hg]"},
		},
	}
	l.others = append(l.others, o)
}

func (l *life) smoking(enc reference, at time.Time) {
	o := l.observe(enc, at, "social-history", "72166-2", "Tobacco smoking status")
	status := coding{snomed, "266919005", "Never smoked tobacco"}
	if l.smoker {
		status = coding{snomed, "77176002", "Smoker"}
	}
	o.ValueCodeableConcept = &concept{Coding: []coding{status}, Text: status.Display}
	l.others = append(l.others, o)
}

// lab adds a laboratory value with its reference range and interpretation; one in two hundred has no value.
func (l *life) lab(enc reference, at time.Time, test lab, value int) {
	o := l.observe(enc, at, "laboratory", test.loinc, test.text)
	bound := refRange{}
	flag := coding{hl7 + "v3-ObservationInterpretation", "N", "Normal"}
	if test.low > 0 {
		bound.Low = &quantity{decimal(test.low), test.unit, ucum, test.unit}
		if value < test.low {
			flag.Code, flag.Display = "L", "Low"
		}
	}
	if test.high > 0 {
		bound.High = &quantity{decimal(test.high), test.unit, ucum, test.unit}
		if value > test.high {
			flag.Code, flag.Display = "H", "High"
		}
	}
	o.ReferenceRange = []refRange{bound}
	if l.permille(5) {
		o.DataAbsentReason = &concept{Coding: []coding{{hl7 + "data-absent-reason", "error", "Error"}}}
	} else {
		o.ValueQuantity = &quantity{decimal(value), test.unit, ucum, test.unit}
		o.Interpretation = []concept{{Coding: []coding{flag}}}
	}
	l.others = append(l.others, o)
}
