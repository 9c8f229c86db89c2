package runner

import (
	"regexp"
	"strings"
)

// constantTypes are the 19 types of constant.value[x].
var constantTypes = []string{
	"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
	"integer64", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid",
}

// constantType returns the FHIR type for what follows "value" in a member's name: "DateTime" gives dateTime.
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

// instantForm is what an instant has that a dateTime may lack: a time to the second and a zone.
var instantForm = regexp.MustCompile(`T\d\d:\d\d:\d\d.*(Z|[-+]\d\d:\d\d)$`)

var sqlName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
