package synth

const (
	snomed = "http://snomed.info/sct"
	icd10  = "http://hl7.org/fhir/sid/icd-10-cm"
	loinc  = "http://loinc.org"
	rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
	ucum   = "http://unitsofmeasure.org"
	hl7    = "http://terminology.hl7.org/CodeSystem/"
)

// disease is a diagnosis with its codes and treatment.
type disease struct {
	snomed, icd10, text string
	// chance per 1000 adults below 45, from 45 to 64, from 65 on
	chance [3]int
	// chronic diseases have no end and bring the patient back twice a year
	chronic bool
	drugs   []drug
}

// drug is an RxNorm clinical drug with its dosage.
type drug struct {
	rxnorm, text, instruction, route, unit string
	routeCode                              string
	dose, frequency, period                int // dose units, that many times per period of days
}

const (
	t2d         = "44054006"
	t1d         = "46635009"
	hyperten    = "59621000"
	kidney      = "433144002"
	lipids      = "55822004"
	oralRoute   = "26643006"
	subcutRoute = "34206005"
	inhaleRoute = "447694001"
)

func oral(code, text, instruction string, frequency int) drug {
	return drug{code, text, instruction, "Oral route", "tablet", oralRoute, 1, frequency, 1}
}

func diseases() []disease {
	return []disease{
		{t2d, "E11.9", "Type 2 diabetes mellitus", [3]int{45, 200, 290}, true, []drug{
			oral("861007", "metformin hydrochloride 500 MG Oral Tablet", "Take one tablet twice daily with meals", 2),
			{
				"311041", "insulin glargine 100 UNT/ML Injectable Solution", "Inject 10 units at bedtime", "Subcutaneous route", "unit",
				subcutRoute, 10, 1, 1,
			},
		}},
		{t1d, "E10.9", "Type 1 diabetes mellitus", [3]int{30, 25, 20}, true, []drug{
			{
				"311041", "insulin glargine 100 UNT/ML Injectable Solution", "Inject 20 units at bedtime", "Subcutaneous route", "unit",
				subcutRoute, 20, 1, 1,
			},
		}},
		{hyperten, "I10", "Essential hypertension", [3]int{90, 330, 600}, true, []drug{
			oral("314076", "lisinopril 10 MG Oral Tablet", "Take one tablet daily", 1),
			oral("197361", "amlodipine 5 MG Oral Tablet", "Take one tablet daily", 1),
		}},
		{lipids, "E78.5", "Hyperlipidemia", [3]int{80, 310, 450}, true, []drug{
			oral("617310", "atorvastatin 20 MG Oral Tablet", "Take one tablet at bedtime", 1),
		}},
		{kidney, "N18.30", "Chronic kidney disease stage 3", [3]int{4, 30, 130}, true, nil},
		{"195967001", "J45.909", "Asthma", [3]int{90, 80, 70}, true, []drug{
			{
				"745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", "Inhale two puffs every six hours as needed",
				"Respiratory tract route", "puff", inhaleRoute, 2, 4, 1,
			},
		}},
		{"370143000", "F32.9", "Major depressive disorder", [3]int{90, 85, 50}, true, []drug{
			oral("312941", "sertraline 50 MG Oral Tablet", "Take one tablet daily", 1),
		}},
		{"10509002", "J20.9", "Acute bronchitis", [3]int{260, 240, 280}, false, []drug{
			{
				"308191", "amoxicillin 500 MG Oral Capsule", "Take one capsule three times daily for seven days", "Oral route", "capsule",
				oralRoute, 1, 3, 1,
			},
		}},
		{"36971009", "J32.9", "Sinusitis", [3]int{220, 200, 150}, false, nil},
		{"44465007", "S93.409A", "Sprain of ankle", [3]int{130, 70, 40}, false, nil},
	}
}

// lab is a laboratory test: values in tenths of the unit.
type lab struct {
	loinc, text, unit string
	low, high         int // reference range, tenths; 0 means no bound
}

var (
	labHbA1c      = lab{"4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 40, 56}
	labGlucose    = lab{"1558-6", "Fasting glucose [Mass/volume] in Serum or Plasma", "mg/dL", 700, 990}
	labCreatinine = lab{"2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 6, 12}
	labEGFR       = lab{
		"98979-8", "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)",
		"mL/min/{1.73_m2}", 600, 0,
	}
	labCholesterol   = lab{"2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 0, 2000}
	labLDL           = lab{"13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "mg/dL", 0, 1300}
	labHDL           = lab{"2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", 400, 0}
	labTriglycerides = lab{"2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 0, 1500}
)

func names(gender string) []string {
	if gender == "female" {
		return []string{
			"Ada", "Beatriz", "Carla", "Dalia", "Edith", "Farida", "Greta", "Hanna", "Ines", "Jolanta", "Kamala", "Lena",
			"Mirela", "Nadia", "Olga", "Paula", "Rosa", "Sofia", "Tamara", "Uma", "Vera", "Wanda", "Yara", "Zelda",
		}
	}
	return []string{
		"Arno", "Boris", "Cyril", "Dario", "Emil", "Felix", "Goran", "Hugo", "Ivan", "Jonas", "Karim", "Luis",
		"Marek", "Nico", "Otto", "Pedro", "Ravi", "Stefan", "Tomas", "Ulrich", "Viktor", "Willem", "Yusuf", "Zoran",
	}
}

func families() []string {
	return []string{
		"Abernethy", "Brandvold", "Castellan", "Dorsey", "Eastwick", "Fairbourn", "Galanis", "Hollowell", "Ibsen", "Jankovic",
		"Kettering", "Lindqvist", "Marchetti", "Nakagawa", "Okonkwo", "Petrosyan", "Quillfeather", "Rosenthal", "Sandoval",
		"Thackeray", "Underhill", "Valdivia", "Westergaard", "Yamashiro", "Zielinski",
	}
}

func cities() []address {
	return []address{
		{City: "Alder Crossing", State: "MA", PostalCode: "00101"},
		{City: "Brightwater", State: "OH", PostalCode: "00215"},
		{City: "Cedar Hollow", State: "OR", PostalCode: "00327"},
		{City: "Dunmere", State: "TX", PostalCode: "00438"},
		{City: "Elk Harbor", State: "WA", PostalCode: "00542"},
	}
}

func streets() []string {
	return []string{"Maple Lane", "Quarry Road", "Harbor Street", "Orchard Avenue", "Mill Row", "Station Way", "Juniper Court"}
}
