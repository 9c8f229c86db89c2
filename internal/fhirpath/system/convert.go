package system

// The functions of this file are those of section "Conversion": what toX() gives, where ok is what
// convertsToX() gives. Conversions that always work (to String, Integer to Decimal, Date to DateTime) are
// methods or plain Go conversions.

// StringToBoolean accepts true, t, yes, y, 1, 1.0 and false, f, no, n, 0, 0.0 in any case.
func StringToBoolean(s string) (value, ok bool) {
	if len(s) > 5 {
		return false, false
	}
	var buf [5]byte
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	switch string(buf[:len(s)]) {
	case "true", "t", "yes", "y", "1", "1.0":
		return true, true
	case "false", "f", "no", "n", "0", "0.0":
		return false, true
	}
	return false, false
}

// IntegerToBoolean accepts 1 and 0. It serves Long as well.
func IntegerToBoolean(v int64) (value, ok bool) { return v == 1, v == 0 || v == 1 }

// DecimalToBoolean accepts the numbers 1 and 0.
func DecimalToBoolean(d Decimal) (value, ok bool) {
	v, ok := d.Int64()
	if !ok {
		return false, false
	}
	return IntegerToBoolean(v)
}

// StringToInteger accepts an optional sign and digits within 32 bits.
func StringToInteger(s string) (value int32, ok bool) {
	v, ok := StringToLong(s)
	if !ok {
		return 0, false
	}
	return Int32(v)
}

// StringToLong accepts an optional sign and digits within 64 bits.
func StringToLong(s string) (value int64, ok bool) {
	i, neg := 0, false
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		neg = s[i] == '-'
		i++
	}
	if i == len(s) {
		return 0, false
	}
	for ; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		// Counting down reaches the smallest value as well.
		if value, ok = MulInt64(value, 10); !ok {
			return 0, false
		}
		if value, ok = SubInt64(value, int64(s[i]-'0')); !ok {
			return 0, false
		}
	}
	if neg {
		return value, true
	}
	return SubInt64(0, value)
}

// StringToDecimal accepts an optional sign, digits and an optional fraction; no exponent.
func StringToDecimal(s string) (value Decimal, ok bool) {
	d, err := parseDecimal(s, false)
	return d, err == nil
}

// BooleanToDecimal gives 1.0 or 0.0.
func BooleanToDecimal(b bool) Decimal {
	if b {
		return Decimal{coef: 10, scale: 1}
	}
	return Decimal{coef: 0, scale: 1}
}

// StringToDate accepts YYYY, YYYY-MM and YYYY-MM-DD.
func StringToDate(s string) (value Date, ok bool) {
	d, err := ParseDate(s)
	return d, err == nil
}

// StringToDateTime accepts what ParseDateTime does, but not a T without a time.
func StringToDateTime(s string) (value DateTime, ok bool) {
	if len(s) > 0 && s[len(s)-1] == 'T' {
		return DateTime{}, false
	}
	d, err := ParseDateTime(s)
	return d, err == nil
}

// StringToTime accepts hh, hh:mm, hh:mm:ss and hh:mm:ss.f….
func StringToTime(s string) (value Time, ok bool) {
	t, err := ParseTime(s)
	return t, err == nil
}

// StringToQuantity accepts a number, optionally followed by a UCUM unit in single quotes or the name of a
// calendar duration.
func StringToQuantity(s string) (value Quantity, ok bool) {
	q, err := ParseQuantity(s)
	return q, err == nil
}

// DecimalToQuantity gives the number with the unit 1.
func DecimalToQuantity(d Decimal) Quantity { return Quantity{Value: d, Unit: "1"} }

// BooleanToQuantity gives 1.0 or 0.0 with the unit 1.
func BooleanToQuantity(b bool) Quantity { return DecimalToQuantity(BooleanToDecimal(b)) }
