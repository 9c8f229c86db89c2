package system

import (
	"errors"
	"strings"
)

// ErrFormat is matched by errors for formats with codes that are not known.
var ErrFormat = errors.New("system: unknown code in format")

// ParseFormatted reads a date and time written in a format of codes (section "Date/DateTime String Format Codes"):
// yyyy, yy (00 to 49 are of this century), M, MM, MMM and MMMM (English), d, dd, H, HH, h and hh with a, m, mm, s,
// ss, S and more (a fraction of a second) and Z (an offset). Everything else stands for itself. ok is false when the
// text does not have the format, or is not a date; the error matches ErrFormat.
func ParseFormatted(text, format string) (v DateTime, ok bool, err error) {
	p := formatReader{text: text}
	match := true
	for i := 0; i < len(format); {
		end := i + 1
		if strings.IndexByte("yMdhHmsSaZz", format[i]) >= 0 {
			for end < len(format) && format[end] == format[i] {
				end++
			}
			known, fits := p.code(format[i], end-i)
			if !known {
				return DateTime{}, false, ErrFormat
			}
			match = match && fits
		} else {
			match = match && p.literal(format[i])
		}
		i = end
	}
	if !match || p.pos != len(text) {
		return DateTime{}, false, nil
	}
	v, ok = p.dateTime()
	return v, ok, nil
}

// formatted is a text that is being read; fields that were not there are empty.
type formatReader struct {
	text                                       string
	pos                                        int
	year, month, day, hour, minute, second, ms string
	half, zone                                 string // AM or PM, the offset
	twelve                                     bool   // the hour is one of twelve
}

func (p *formatReader) literal(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// code reads what a code of n letters stands for.
func (p *formatReader) code(letter byte, n int) (known, fits bool) {
	switch letter {
	case 'y':
		if n != 2 && n != 4 {
			return false, false
		}
		fits = p.digits(&p.year, n, n)
		if fits && n == 2 {
			century := "20"
			if p.year >= "50" {
				century = "19"
			}
			p.year = century + p.year
		}
		return true, fits
	case 'M':
		if n > 2 {
			return n <= 4, p.monthName(n == 4)
		}
		return true, p.digits(&p.month, n, 2)
	case 'd':
		return n <= 2, p.digits(&p.day, n, 2)
	case 'h':
		p.twelve = true
		return n <= 2, p.digits(&p.hour, n, 2)
	case 'H':
		return n <= 2, p.digits(&p.hour, n, 2)
	case 'm':
		return n <= 2, p.digits(&p.minute, n, 2)
	case 's':
		return n <= 2, p.digits(&p.second, n, 2)
	case 'S':
		return n <= fractionMax, p.digits(&p.ms, n, n)
	case 'a':
		return true, p.halfOfDay()
	case 'Z':
		return true, p.offset()
	}
	return false, false // names of time zones
}

// digits reads least to most digits into a field, padded with a zero to two.
func (p *formatReader) digits(field *string, least, most int) bool {
	start := p.pos
	for p.pos < len(p.text) && p.pos-start < most && isDigit(p.text[p.pos]) {
		p.pos++
	}
	s := p.text[start:p.pos]
	if len(s) < least {
		return false
	}
	if len(s) == 1 && most == 2 {
		s = "0" + s
	}
	*field = s
	return true
}

func (p *formatReader) monthName(full bool) bool {
	for i, name := range [...]string{
		"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
		"December",
	} {
		if !full {
			name = name[:3]
		}
		if rest := p.text[p.pos:]; len(rest) >= len(name) && strings.EqualFold(rest[:len(name)], name) {
			p.pos += len(name)
			p.month = string(append2(nil, i+1))
			return true
		}
	}
	return false
}

func (p *formatReader) halfOfDay() bool {
	for _, name := range [...]string{"AM", "PM", "A", "P"} {
		if rest := p.text[p.pos:]; len(rest) >= len(name) && strings.EqualFold(rest[:len(name)], name) {
			p.pos += len(name)
			p.half = name[:1]
			return true
		}
	}
	return false
}

// offset reads Z, +hhmm or +hh:mm.
func (p *formatReader) offset() bool {
	if p.literal('Z') {
		p.zone = "Z"
		return true
	}
	start := p.pos
	if !p.literal('+') && !p.literal('-') {
		return false
	}
	var hours, minutes string
	if !p.digits(&hours, 2, 2) {
		return false
	}
	p.literal(':')
	if !p.digits(&minutes, 2, 2) {
		return false
	}
	p.zone = p.text[start:start+1] + hours + ":" + minutes
	return true
}

// dateTime puts the fields together; ok is false if they are no date.
func (p *formatReader) dateTime() (v DateTime, ok bool) {
	if !p.hourOfDay() {
		return DateTime{}, false
	}
	text := p.year
	gap := false
	add := func(mark, field string) {
		switch {
		case field == "":
			gap = true
		case gap: // a day without a month
			ok = false
		default:
			text += mark + field
		}
	}
	ok = true
	add("-", p.month)
	add("-", p.day)
	add("T", p.hour)
	add(":", p.minute)
	add(":", p.second)
	add(".", p.ms)
	if !ok || p.year == "" || p.zone != "" && p.hour == "" {
		return DateTime{}, false
	}
	v, err := ParseDateTime(text + p.zone)
	return v, err == nil
}

// hourOfDay turns an hour of twelve into one of the day.
func (p *formatReader) hourOfDay() bool {
	if !p.twelve || p.hour == "" {
		return p.half == "" || p.hour != ""
	}
	n, _ := number(p.hour, 0, 2)
	if n < 1 || n > 12 {
		return false
	}
	if p.half != "" {
		if n %= 12; p.half == "P" {
			n += 12
		}
		p.hour = string(append2(nil, n))
	}
	return true
}
