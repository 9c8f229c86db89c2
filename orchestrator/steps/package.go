package steps

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Names in a package.
const (
	dataFolder     = "data"
	dictionaryName = "data_dictionary.csv"
	qualityName    = "qa_report.json"
	manifestName   = "manifest.json"
	readmeName     = "README.txt"
)

// Manifest is the manifest.json of a package: the request that it answers, and every other file with size and SHA-256.
type Manifest struct {
	Request string `json:"request"`
	// Visit is the Seq of the request's history row in which the delivery began.
	Visit               int64                 `json:"visit"`
	RequirementsVersion int                   `json:"requirementsVersion"`
	Title               string                `json:"title"`
	Protocol            string                `json:"protocol"`
	Created             time.Time             `json:"created"`
	Format              orchestrator.Format   `json:"format"`
	PHILevel            orchestrator.PHILevel `json:"phiLevel"`
	Cohort              int                   `json:"cohort"` // patients
	Files               []ManifestFile        `json:"files"`
}

// ManifestFile is one file of a package.
type ManifestFile struct {
	Name      string `json:"name"` // with / between folders
	MediaType string `json:"mediaType"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"` // hexadecimal
	// Rows is the number of rows of a data file, nil for others.
	Rows *int64 `json:"rows,omitempty"`
}

func newManifest(step *orchestrator.StepContext, cohort int) Manifest {
	r := step.Request
	m := Manifest{
		Request: r.ID, Visit: r.Visit, RequirementsVersion: r.RequirementsVersion, Title: r.Title, Protocol: r.Protocol,
		Created: entered(step), Format: r.Requirements.Format, PHILevel: phiLevel(r.Requirements), Cohort: cohort,
	}
	if m.Format == "" {
		m.Format = orchestrator.CSV
	}
	return m
}

// of says whether a package was made by an attempt at the same visit.
func (m *Manifest) of(step *orchestrator.StepContext) bool {
	return m.Request == step.Request.ID && m.Visit == step.Request.Visit
}

// holds says whether a package answers the same requirements with the newest extracted data.
func (m *Manifest) holds(step *orchestrator.StepContext) bool {
	extracted, err := orchestrator.OutputOf[Extraction](step, workflow.StepExtraction)
	if err != nil || m.Request != step.Request.ID || m.RequirementsVersion != step.Request.RequirementsVersion {
		return false
	}
	for _, f := range extracted.Files {
		if !slices.ContainsFunc(m.Files, func(p ManifestFile) bool { return p.Name == dataFolder+"/"+f.Name && p.SHA256 == f.SHA256 }) {
			return false
		}
	}
	return true
}

// add writes a file of the package and lists it.
func (m *Manifest) add(dir, name, mediaType string, rows *int64, write func(io.Writer) error) error {
	size, sum, err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), 0o640, write)
	if err != nil {
		return err
	}
	m.Files = append(m.Files, ManifestFile{name, mediaType, size, sum, rows})
	return nil
}

// readPackage reads the manifest of a package (a folder or a zip file), and the manifest's SHA-256. It fails when
// there is no package, or when a file is absent or differs from the manifest.
func readPackage(path string) (Manifest, string, error) {
	var m Manifest
	files, closeFiles, err := openPackage(path)
	if err != nil {
		return m, "", err
	}
	defer closeFiles()
	text, err := fs.ReadFile(files, manifestName)
	if err != nil {
		return m, "", fmt.Errorf("steps: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, "", fmt.Errorf("steps: %s: %w", manifestName, err)
	}
	for _, f := range m.Files {
		sum, err := sumIn(files, f.Name)
		if err != nil {
			return m, "", err
		}
		if sum != f.SHA256 {
			return m, "", fmt.Errorf("steps: %s differs from the manifest", f.Name)
		}
	}
	return m, hexSum(text), nil
}

func openPackage(path string) (fs.FS, func(), error) {
	if filepath.Ext(path) != ".zip" {
		return os.DirFS(path), func() {}, nil
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, fmt.Errorf("steps: %w", err)
	}
	return z, func() { z.Close() }, nil
}

func sumIn(files fs.FS, name string) (string, error) {
	f, err := files.Open(name)
	if err != nil {
		return "", fmt.Errorf("steps: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("steps: %s: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// zipPackage writes the folder of a package as a zip file, manifest first.
func zipPackage(w io.Writer, dir string, m Manifest) error {
	z := zip.NewWriter(w)
	for _, name := range append([]string{manifestName}, names(m)...) {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: m.Created}
		header.SetMode(0o640)
		entry, err := z.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("steps: %w", err)
		}
		if err := copyFile(entry, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	return nil
}

func names(m Manifest) []string {
	list := make([]string, len(m.Files))
	for i, f := range m.Files {
		list[i] = f.Name
	}
	return list
}

// writeDictionary writes data_dictionary.csv: a row for each column of each view.
func (s *Set) writeDictionary(w io.Writer, extracted Extraction, quality QualityReport) error {
	figures := map[string]ViewQuality{}
	for _, v := range quality.Views {
		figures[v.View] = v
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	rows := [][]string{{
		"file", "column", "position", "fhir_type", "sql_type", "is_list", "description", "resource", "path", "rows", "nulls", "null_rate",
	}}
	for _, f := range extracted.Files {
		v, err := s.cfg.Views(f.View)
		if err != nil {
			return orchestrator.Permanent(err)
		}
		q := figures[f.View]
		if len(q.Columns) != len(v.Columns()) {
			return orchestrator.Permanent(fmt.Errorf("steps: the quality report does not cover view %s", f.View))
		}
		for i, c := range v.Columns() {
			rows = append(rows, []string{
				dataFolder + "/" + f.Name, c.Name, strconv.Itoa(i + 1), c.FHIRType, c.ANSIType, strconv.FormatBool(c.Collection), c.Description,
				v.Resource(), c.Path, strconv.FormatInt(q.Rows, 10), strconv.FormatInt(q.Columns[i].Nulls, 10),
				strconv.FormatFloat(q.Columns[i].NullRate, 'f', -1, 64),
			})
		}
	}
	return out.WriteAll(rows)
}

// writeReadme writes README.txt: what the package is, for the person who opens it.
func writeReadme(w io.Writer, step *orchestrator.StepContext, m Manifest, quality QualityReport) error {
	r := step.Request
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	p("%s", m.Title)
	p("%s", strings.Repeat("=", max(len(m.Title), 3)))
	p("")
	p("Request      %s (requirements version %d)", m.Request, m.RequirementsVersion)
	p("Researcher   %s, %s", r.Researcher.Name, r.Researcher.Department)
	p("Protocol     %s", m.Protocol)
	p("Created      %s", m.Created.Format(time.RFC3339))
	p("Cohort       %d patients", m.Cohort)
	p("Period       %s", periodText(r.Requirements.Period))
	p("PHI level    %s", m.PHILevel)
	p("")
	p("Use the data only as the protocol allows.")
	p("")
	p("Files")
	for _, f := range m.Files {
		if f.Rows != nil {
			p("  %-36s %d rows", f.Name, *f.Rows)
		}
	}
	p("  %-36s every column: type, meaning, path, share of rows without a value", dictionaryName)
	p("  %-36s checks made before delivery: completeness %.1f %%", qualityName, 100*quality.Completeness)
	p("  %-36s size and SHA-256 of every file", manifestName)
	p("")
	switch m.Format {
	case orchestrator.CSV:
		p("The data files are CSV (RFC 4180, UTF-8) with a header line. An empty cell means that there is no value.")
		p("Lists and objects are JSON texts. A cell that a spreadsheet would take for a formula begins with an apostrophe.")
	case orchestrator.NDJSON:
		p("The data files are NDJSON (UTF-8): one JSON object a line, with every column; null means that there is no value.")
	default:
		p("The data files are JSON (UTF-8): an array of objects with every column; null means that there is no value.")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func periodText(p *orchestrator.Period) string {
	switch {
	case p == nil || p.Start == "" && p.End == "":
		return "all time"
	case p.End == "":
		return "from " + p.Start
	case p.Start == "":
		return "to " + p.End
	}
	return p.Start + " to " + p.End
}
