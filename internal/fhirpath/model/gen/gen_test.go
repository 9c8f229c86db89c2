package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const definitionXML = `<Bundle xmlns="http://hl7.org/fhir"><entry><resource>
<StructureDefinition xmlns="http://hl7.org/fhir">
	<fhirVersion value="4.0.1"/><name value="Form"/><kind value="resource"/><abstract value="false"/><type value="Form"/>
	<baseDefinition value="http://hl7.org/fhir/StructureDefinition/DomainResource"/><derivation value="specialization"/>
	<snapshot>
		<element><path value="Form"/><min value="0"/><max value="*"/></element>
		<element><path value="Form.id"/><min value="0"/><max value="1"/><type>
			<extension url="http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"><valueUrl value="string"/></extension>
			<code value="http://hl7.org/fhirpath/System.String"/></type></element>
		<element><path value="Form.item"/><min value="1"/><max value="*"/><type><code value="BackboneElement"/></type>
			<constraint><key value="x"/><expression value="item.exists()"/></constraint></element>
		<element><path value="Form.item.answer[x]"/><min value="0"/><max value="1"/>
			<type><code value="string"/></type><type><code value="Form2"/></type></element>
		<element><path value="Form.item.item"/><min value="0"/><max value="*"/><contentReference value="#Form.item"/></element>
	</snapshot>
</StructureDefinition></resource></entry></Bundle>`

const definitionJSON = `{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}, {"resource": {
	"resourceType": "StructureDefinition", "fhirVersion": "4.0.1", "name": "Form", "kind": "resource", "abstract": false,
	"type": "Form", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/DomainResource", "derivation": "specialization",
	"snapshot": {"element": [
		{"path": "Form", "min": 0, "max": "*"},
		{"path": "Form.id", "min": 0, "max": "1", "type": [{"code": "http://hl7.org/fhirpath/System.String", "extension": [
			{"url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type", "valueUrl": "string"}]}]},
		{"path": "Form.item", "min": 1, "max": "*", "type": [{"code": "BackboneElement"}],
			"constraint": [{"key": "x", "expression": "item.exists()"}]},
		{"path": "Form.item.answer[x]", "min": 0, "max": "1", "type": [{"code": "string"}, {"code": "Form2"}]},
		{"path": "Form.item.item", "min": 0, "max": "*", "contentReference": "#Form.item"}
	]}}}]}`

// TestReadAllForms reads one definition from every kind of source.
func TestReadAllForms(t *testing.T) {
	want, err := read("profiles-types.xml", []byte(definitionXML))
	if err != nil || len(want) != 1 || len(want[0].Elements) != 5 {
		t.Fatalf("XML: %d definitions, %v", len(want), err)
	}
	var zipped, packed bytes.Buffer
	z := zip.NewWriter(&zipped)
	for name, text := range map[string]string{"a/profiles-types.json": definitionJSON, "a/extensions.json": "not read"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	compressed := gzip.NewWriter(&packed)
	archive := tar.NewWriter(compressed)
	for name, text := range map[string]string{"package/StructureDefinition-Form.json": definitionJSON, "package/package.json": "{"} {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"form.json": []byte(definitionJSON), "forms.zip": zipped.Bytes(), "hl7.fhir.r4.core-4.0.1.tgz": packed.Bytes(),
	} {
		got, err := read(name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// base returns the definitions that every model needs.
func base() []*definition {
	def := func(name, base, kind string, elements ...elementDefinition) *definition {
		if base != "" {
			base = "http://hl7.org/fhir/StructureDefinition/" + base
		}
		return &definition{Name: name, Type: name, Kind: kind, BaseDefinition: base, FHIRVersion: "4.0.1", Elements: elements}
	}
	one := func(path, code string) elementDefinition {
		return elementDefinition{Path: path, Min: "0", Max: "1", Types: []typeReference{{Code: code}}}
	}
	const systemString = "http://hl7.org/fhirpath/System.String"
	return []*definition{
		def("Element", "", "complex-type", one("Element.id", systemString)),
		def("BackboneElement", "Element", "complex-type", one("BackboneElement.id", systemString)),
		def("Resource", "", "resource", one("Resource.id", systemString)),
		def("DomainResource", "Resource", "resource"),
		def("Patient", "DomainResource", "resource"),
		def("string", "Element", "primitive-type", one("string.value", systemString)),
		def("id", "string", "primitive-type"),
		def("Form2", "Element", "complex-type"),
	}
}

func TestCollect(t *testing.T) {
	defs, err := read("form.xml", []byte(definitionXML))
	if err != nil {
		t.Fatal(err)
	}
	profile := *defs[0]
	profile.Derivation = "constraint"
	r := &release{name: "R4", version: "4.0.1"}
	types, err := collect(r, append(base(), defs[0], &profile))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, typ := range types {
		line := typ.name + " < " + typ.base
		for _, e := range typ.elements {
			line += "; " + e.name + ": " + strings.Join(e.types, "|")
		}
		got = append(got, line)
	}
	want := []string{
		"Element < ; id: string",
		"BackboneElement < Element",
		"Form.item < BackboneElement; answer: string|Form2; item: Form.item",
		"Form2 < Element",
		"string < Element",
		"id < string",
		"Resource < ; id: id",
		"DomainResource < Resource",
		"Form < DomainResource; item: Form.item",
		"Patient < DomainResource",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	p, err := pack(types)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.types) != len(types)+2 || len(p.keys) != len(p.elements)-2+1 {
		t.Errorf("%d type records, %d element records and %d members", len(p.types), len(p.elements), len(p.keys))
	}
	lines := string(invariants(r, defs, types))
	if want := "Form\tForm.item\t\"item.exists()\"\n"; !strings.HasSuffix(lines, want) {
		t.Errorf("invariants: got %q, want %q at the end", lines, want)
	}
}

func TestCollectRefuses(t *testing.T) {
	tests := []struct {
		name, want string
		defs       func() []*definition
	}{
		{"another version", "4.0.1, want 5.0.0", base},
		{"a missing base", "which is not defined", func() []*definition { return base()[1:] }},
		{"doubles", "two definitions of Element", func() []*definition { return append(base(), base()[0]) }},
		{"no definitions", "no definition of Element", func() []*definition { return nil }},
	}
	for _, tt := range tests {
		r := &release{name: "R", version: "4.0.1"}
		if tt.name == "another version" {
			r.version = "5.0.0"
		}
		_, err := collect(r, tt.defs())
		if tt.name == "a missing base" && err != nil && strings.Contains(err.Error(), "no definition of Element") {
			err = nil // found earlier
			_, err = sortByBase(map[string]*fhirType{"A": {name: "A", base: "B"}})
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one with %q", tt.name, err, tt.want)
		}
	}
	if _, err := sortByBase(map[string]*fhirType{"A": {name: "A", base: "B"}, "B": {name: "B", base: "A"}}); err == nil {
		t.Error("types in a circle: got no error")
	}
}

// TestTablesAreCurrent generates all tables anew where the sources are at hand and holds them against those
// that are checked in.
func TestTablesAreCurrent(t *testing.T) {
	for _, prefix := range []string{"r4", "r4b", "r5"} {
		jar, err := mavenJar(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(jar); err != nil {
			t.Skipf("SKIPPED: %s is absent; see the command's comment on how to get it", filepath.Base(jar))
		}
	}
	dir := t.TempDir()
	if err := run([]string{"-out", dir, "-invariants", dir}); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"r4", "r4b", "r5"} {
		for fresh, kept := range map[string]string{
			"tables_" + prefix + ".go":      filepath.Join("..", "tables_"+prefix+".go"),
			"invariants_" + prefix + ".tsv": filepath.Join("..", "..", "check", "testdata", "invariants_"+prefix+".tsv"),
		} {
			want, err := os.ReadFile(filepath.Join(dir, fresh))
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(kept)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Errorf("%s is not what the generator writes: run go generate", kept)
			}
		}
	}
}
