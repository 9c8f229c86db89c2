// Command gen writes the element tables of package model from HL7's StructureDefinitions. In the folder of
// that package:
//
//	go generate .
//
// runs it with no arguments, and it then reads the three sources from Maven's local repository, where these
// put them (each is a jar of the HAPI FHIR project that holds the definitions HL7 publishes):
//
//	for v in r4 r4b r5; do
//		mvn dependency:get -Dtransitive=false -Dartifact=ca.uhn.hapi.fhir:hapi-fhir-validation-resources-$v:7.6.0
//	done
//
// Other sources are named by flag, separated by commas:
//
//	go run ./gen -r4 hl7.fhir.r4.core-4.0.1.tgz -r4b definitions.xml.zip -r5 profiles-types.json,profiles-resources.json
//
// Besides the tables it writes the invariants of the definitions, which are FHIRPath expressions, as test data for
// the static checker.
//
// A source is a bundle or a single StructureDefinition in XML or JSON, a FHIR package (.tgz), or an archive
// (.jar, .zip) of any of these. The FHIR specification is in the public domain (CC0 1.0).
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// hapi is the version of the artefacts read when no source is named.
const hapiVersion = "7.6.0"

// release is one version of FHIR to make tables of.
type release struct {
	name    string // R4
	prefix  string // of generated names: r4
	version string // the fhirVersion its definitions must have
	sources []string
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	releases := []*release{
		{name: "R4", prefix: "r4", version: "4.0.1"},
		{name: "R4B", prefix: "r4b", version: "4.3.0"},
		{name: "R5", prefix: "r5", version: "5.0.0"},
	}
	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	dir := flags.String("out", ".", "folder to write tables_*.go to")
	tests := flags.String("invariants", "../check/testdata", "folder to write invariants_*.tsv to")
	sources := map[*release]*string{}
	for _, r := range releases {
		sources[r] = flags.String(r.prefix, "", "sources of "+r.name+" definitions, separated by commas")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, r := range releases {
		r.sources = strings.Split(*sources[r], ",")
		if *sources[r] == "" {
			jar, err := mavenJar(r.prefix)
			if err != nil {
				return err
			}
			r.sources = []string{jar}
		}
		if err := generate(r, *dir, *tests); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// mavenJar returns where Maven keeps the HAPI artefact with the definitions of a release.
func mavenJar(prefix string) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	artefact := "hapi-fhir-validation-resources-" + prefix
	return filepath.Join(home, ".m2", "repository", "ca", "uhn", "hapi", "fhir",
		artefact, hapiVersion, artefact+"-"+hapiVersion+".jar"), nil
}

func generate(r *release, dir, tests string) error {
	var defs []*definition
	for _, source := range r.sources {
		more, err := readFile(source)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(source), err)
		}
		defs = append(defs, more...)
	}
	types, err := collect(r, defs)
	if err != nil {
		return err
	}
	t, err := pack(types)
	if err != nil {
		return err
	}
	text, err := render(r, t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tables_"+r.prefix+".go"), text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(tests, "invariants_"+r.prefix+".tsv"), invariants(r, defs, types), 0o644)
}
