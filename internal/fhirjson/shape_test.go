package fhirjson_test

import (
	"testing"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

func TestShape(t *testing.T) {
	t.Parallel()
	keys := fhirjson.NewKeySet("a", "b", "_a")
	const text = `{"a":"x","b":[1,{"a":true}],"c":null}`
	tests := []struct {
		name, other string
		want        bool
	}{
		{"itself", text, true},
		{"other texts", `{"a":"a longer text","b":[23,{"a":true}],"c":null}`, true},
		{"white space", `{ "a" : "x", "b": [ 1, {"a": true} ], "c": null }`, true},
		{"another name outside of the key set", `{"a":"x","b":[1,{"a":true}],"d":null}`, true},
		{"another name of the key set", `{"a":"x","b":[1,{"b":true}],"c":null}`, false},
		{"another kind", `{"a":"x","b":["1",{"a":true}],"c":null}`, false},
		{"true and false", `{"a":"x","b":[1,{"a":false}],"c":null}`, false},
		{"an escape", `{"a":"\u0078","b":[1,{"a":true}],"c":null}`, false},
		{"a fraction", `{"a":"x","b":[1.0,{"a":true}],"c":null}`, false},
		{"another order", `{"b":[1,{"a":true}],"a":"x","c":null}`, false},
		{"other nesting", `{"a":"x","b":[1,{}],"a_":true,"c":null}`, false},
		{"less", `{"a":"x","b":[1,{"a":true}]}`, false},
		{"more", `{"a":"x","b":[1,{"a":true}],"c":null,"_a":1}`, false},
		{"nothing", `{}`, false},
	}
	var tape fhirjson.Tape
	if err := tape.Parse([]byte(text), keys, fhirjson.Limits{}); err != nil {
		t.Fatal(err)
	}
	shape, hash := tape.AppendShape(nil), tape.HashShape()
	for _, tt := range tests {
		if err := tape.Parse([]byte(tt.other), keys, fhirjson.Limits{}); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := tape.HasShape(shape); got != tt.want {
			t.Errorf("%s: the same shape is %v, want %v", tt.name, got, tt.want)
		}
		if got := tape.HashShape() == hash; got != tt.want {
			t.Errorf("%s: the same hash is %v, want %v", tt.name, got, tt.want)
		}
	}
}
