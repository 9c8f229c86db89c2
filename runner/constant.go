package runner

import (
	"regexp"
	"strings"
)

// constantTypes are the types that constant.value[x] may have.
var constantTypes = []string{
	"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
	"integer64", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid",
}

// constantType returns the FHIR type for the part of a member's name after "value": dateTime for "DateTime".
func constantType(suffix string) (string, bool) {
	for _, t := range constantTypes {
		if len(suffix) == len(t) && suffix[0] == t[0]-'a'+'A' && suffix[1:] == t[1:] {
			return t, true
		}
	}
	return "", false
}

// constantKey returns the member's name for a type: valueDateTime.
func constantKey(typ string) (string, bool) {
	for _, t := range constantTypes {
		if t == typ {
			return "value" + strings.ToUpper(t[:1]) + t[1:], true
		}
	}
	return "", false
}

// instantForm matches what an instant must have and a dateTime may lack: seconds and a time zone.
var instantForm = regexp.MustCompile(`T\d\d:\d\d:\d\d.*(Z|[-+]\d\d:\d\d)$`)

// sqlName matches the names that views, columns and constants may have.
var sqlName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
