package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// definition is what the tables need of a StructureDefinition.
type definition struct {
	Name           string
	Kind           string
	Abstract       bool
	Type           string
	BaseDefinition string
	Derivation     string
	FHIRVersion    string
	Elements       []elementDefinition
}

// elementDefinition is one element of a definition's snapshot.
type elementDefinition struct {
	Path             string
	Min              string
	Max              string
	ContentReference string
	Types            []typeReference
	Invariants       []string // FHIRPath expressions that hold for every instance
}

// typeReference is one of the types of an element: its code, or the FHIR type noted on a System type.
type typeReference struct {
	Code     string
	FHIRType string
}

const fhirTypeNote = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"

// readFile reads every StructureDefinition in a file.
func readFile(name string) ([]*definition, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return read(name, data)
}

// read reads every StructureDefinition in data, the content of a file or an archive's member called name.
func read(name string, data []byte) ([]*definition, error) {
	switch ext := strings.ToLower(path.Ext(name)); {
	case ext == ".jar" || ext == ".zip":
		return readZip(data)
	case ext == ".tgz" || strings.HasSuffix(name, ".tar.gz"):
		return readPackage(data)
	case ext == ".xml":
		return readXML(data)
	case ext == ".json":
		return readJSON(data)
	}
	return nil, nil
}

// readZip reads the members of an archive that can hold base definitions; the extensions and profiles that
// some archives bring along are left alone.
func readZip(data []byte) ([]*definition, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	var defs []*definition
	for _, member := range archive.File {
		switch base := path.Base(member.Name); {
		case strings.HasPrefix(base, "profiles-types."), strings.HasPrefix(base, "profiles-resources."):
		case strings.HasPrefix(base, "hl7.fhir.r") && strings.Contains(base, ".core-"):
		default:
			continue
		}
		r, err := member.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		more, err := read(member.Name, content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", member.Name, err)
		}
		defs = append(defs, more...)
	}
	return defs, nil
}

// readPackage reads the StructureDefinitions of a FHIR package.
func readPackage(data []byte) ([]*definition, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(unzipped)
	var defs []*definition
	for {
		member, err := archive.Next()
		if err == io.EOF {
			return defs, nil
		}
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(path.Base(member.Name), "StructureDefinition-") {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		more, err := readJSON(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", member.Name, err)
		}
		defs = append(defs, more...)
	}
}

// readJSON reads a Bundle or a single StructureDefinition.
func readJSON(data []byte) ([]*definition, error) {
	var bundle struct {
		ResourceType string
		Entry        []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(data, &bundle); err != nil {
		return nil, err
	}
	if bundle.ResourceType == "Bundle" {
		var defs []*definition
		for _, entry := range bundle.Entry {
			more, err := readJSON(entry.Resource)
			if err != nil {
				return nil, err
			}
			defs = append(defs, more...)
		}
		return defs, nil
	}
	if bundle.ResourceType != "StructureDefinition" {
		return nil, nil
	}
	var in struct {
		definition
		Snapshot struct {
			Element []struct {
				Path, Max, ContentReference string
				Min                         json.Number
				Type                        []struct {
					Code      string
					Extension []struct{ URL, ValueURL string }
				}
				Constraint []struct{ Expression string }
			}
		}
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, err
	}
	def := in.definition
	for _, e := range in.Snapshot.Element {
		el := elementDefinition{Path: e.Path, Min: e.Min.String(), Max: e.Max, ContentReference: e.ContentReference}
		for _, t := range e.Type {
			ref := typeReference{Code: t.Code}
			for _, x := range t.Extension {
				if x.URL == fhirTypeNote {
					ref.FHIRType = x.ValueURL
				}
			}
			el.Types = append(el.Types, ref)
		}
		for _, c := range e.Constraint {
			el.Invariants = append(el.Invariants, c.Expression)
		}
		def.Elements = append(def.Elements, el)
	}
	return []*definition{&def}, nil
}

// value is a FHIR primitive in XML.
type xmlValue struct {
	Value string `xml:"value,attr"`
}

// structureDefinition is the XML form of a definition.
type xmlDefinition struct {
	Name           xmlValue `xml:"name"`
	Kind           xmlValue `xml:"kind"`
	Abstract       xmlValue `xml:"abstract"`
	Type           xmlValue `xml:"type"`
	BaseDefinition xmlValue `xml:"baseDefinition"`
	Derivation     xmlValue `xml:"derivation"`
	FHIRVersion    xmlValue `xml:"fhirVersion"`
	Elements       []struct {
		Path             xmlValue `xml:"path"`
		Min              xmlValue `xml:"min"`
		Max              xmlValue `xml:"max"`
		ContentReference xmlValue `xml:"contentReference"`
		Types            []struct {
			Code       xmlValue `xml:"code"`
			Extensions []struct {
				URL      string   `xml:"url,attr"`
				ValueURL xmlValue `xml:"valueUrl"`
			} `xml:"extension"`
		} `xml:"type"`
		Constraints []struct {
			Expression xmlValue `xml:"expression"`
		} `xml:"constraint"`
	} `xml:"snapshot>element"`
}

// readXML reads every StructureDefinition element in an XML document.
func readXML(data []byte) ([]*definition, error) {
	decoder := xml.NewDecoder(bytes.NewReader(data))
	var defs []*definition
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return defs, nil
		}
		if err != nil {
			return nil, err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "StructureDefinition" {
			continue
		}
		var in xmlDefinition
		if err := decoder.DecodeElement(&in, &start); err != nil {
			return nil, err
		}
		defs = append(defs, in.definition())
	}
}

// plain returns the form that JSON definitions are read into, too.
func (in *xmlDefinition) definition() *definition {
	def := &definition{
		Name: in.Name.Value, Kind: in.Kind.Value, Abstract: in.Abstract.Value == "true", Type: in.Type.Value,
		BaseDefinition: in.BaseDefinition.Value, Derivation: in.Derivation.Value, FHIRVersion: in.FHIRVersion.Value,
	}
	for _, e := range in.Elements {
		el := elementDefinition{
			Path: e.Path.Value, Min: e.Min.Value, Max: e.Max.Value, ContentReference: e.ContentReference.Value,
		}
		for _, t := range e.Types {
			ref := typeReference{Code: t.Code.Value}
			for _, x := range t.Extensions {
				if x.URL == fhirTypeNote {
					ref.FHIRType = x.ValueURL.Value
				}
			}
			el.Types = append(el.Types, ref)
		}
		for _, c := range e.Constraints {
			el.Invariants = append(el.Invariants, c.Expression.Value)
		}
		def.Elements = append(def.Elements, el)
	}
	return def
}
