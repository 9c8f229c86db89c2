package system

import "testing"

func quantity(t *testing.T, text string) Quantity {
	t.Helper()
	q, err := ParseQuantity(text)
	if err != nil {
		t.Fatalf("ParseQuantity(%q): %v", text, err)
	}
	return q
}

func TestQuantityEqual(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b       string
		equal      string // true, false or empty
		equivalent bool
	}{
		{"4.0000 'g'", "4000.0 'mg'", "true", true},
		{"4 'g'", "4000 'mg'", "true", true},
		{"4 'g'", "4040 'mg'", "false", true},
		{"4040 'mg'", "4 'g'", "false", true},
		{"4 'g'", "5 'mg'", "false", false},
		{"7 days", "1 week", "true", true},
		{"7 days", "1 'wk'", "true", true},
		{"1 day", "1 'd'", "true", true},
		{"1 second", "1 's'", "true", true},
		{"1 second", "1000 'ms'", "true", true},
		{"1 year", "1 'a'", "", true},
		{"1 month", "1 'mo'", "", true},
		{"1 year", "12 months", "true", true},
		{"1 year", "365 days", "true", true},
		{"1 month", "30 days", "true", true},
		{"1 year", "1 year", "true", true},
		{"2 years", "1 year", "false", false},
		{"1 'a'", "365.25 'd'", "true", true},
		{"1 'cm'", "1 's'", "", false},
		{"1 'cm'", "0.01 'm'", "true", true},
		{"1 '[in_i]'", "2.54 'cm'", "true", true},
		{"37 'Cel'", "98.6 '[degF]'", "true", true},
		{"37 'Cel'", "310.15 'K'", "true", true},
		{"1 '[lb_av]'", "453.59237 'g'", "true", true},
		{"1 'mg/dL'", "10 'mg/L'", "true", true},
		{"1 'mmol/L'", "1 'mol/m3'", "true", true},
		{"1 'kU'", "1000 'U'", "true", true},
		{"1 '[iU]/L'", "1 'm[iU]/mL'", "true", true},
		{"1 '[iU]'", "1 '[arb'U]'", "", false},
		{"1 'mm[Hg]'", "133.322 'Pa'", "true", true},
		{"1", "1 '1'", "true", true},
		{"1 '%'", "0.01", "true", true},
		{"1 '10*3/uL'", "1 '10*9/L'", "true", true},
		{"1 '10^3/uL'", "1 '10*9/L'", "true", true},
		{"3 '{beats}/min'", "3 '/min'", "true", true},
		{"1 'lbs'", "1 'lbs'", "true", true},
		{"1 'lbs'", "1 '[lb_av]'", "", false},
		{"1 'm'", "1 day", "", false},
	}
	for _, tt := range tests {
		a, b := quantity(t, tt.a), quantity(t, tt.b)
		equal, known := a.Equal(b)
		got := ""
		if known {
			got = map[bool]string{true: "true", false: "false"}[equal]
		}
		if got != tt.equal {
			t.Errorf("%s = %s: got %q, want %q", tt.a, tt.b, got, tt.equal)
		}
		if got := a.Equivalent(b); got != tt.equivalent {
			t.Errorf("%s ~ %s: got %v, want %v", tt.a, tt.b, got, tt.equivalent)
		}
	}
}
