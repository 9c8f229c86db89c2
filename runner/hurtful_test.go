package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// list joins n texts that f makes.
func list(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ",")
}

// wrapped puts text into n pairs of before and after.
func wrapped(n int, before, text, after string) string {
	return strings.Repeat(before, n) + text + strings.Repeat(after, n)
}

// hurtfulView is a view that would take too long or too much memory if there were no limits.
type hurtfulView struct {
	name, view string
	kind       ErrorKind // of the compile error
	data       string    // the resource to run on; "" means hurtfulPatient
	bearable   bool      // the view is within the limits and gives rows
}

// hurtfulPatient has three lists of 200 elements.
func hurtfulPatient() string {
	return `{"resourceType":"Patient","id":"p","active":true,"name":[` + list(200, func(int) string { return `{"family":"A","given":["a","b"]}` }) +
		`],"telecom":[` + list(200, func(int) string { return `{"system":"phone","value":"1"}` }) +
		`],"address":[` + list(200, func(int) string { return `{"city":"A"}` }) + `]}`
}

func hurtfulViews() []hurtfulView {
	column := func(i int) string { return fmt.Sprintf(`{"name":"c%d","path":"id"}`, i) }
	patient := func(selects string) string { return `{"resource":"Patient","select":[` + selects + `]}` }
	each := func(path, parts string) string { return `{"forEach":"` + path + `",` + parts + `}` }
	narrow, wide := `"column":[`+column(0)+`]`, `"column":[`+list(2_000, column)+`]`
	items := `{"resourceType":"Questionnaire","item":[` + wrapped(200, `{"linkId":"a","item":[`, `{"linkId":"b"}`, `]}`) + `]}`
	many := "descendants().descendants().where(false)"
	return []hurtfulView{
		{name: "4,500 columns", view: patient(`{"column":[` + list(4_500, column) + `]}`), bearable: true},
		{name: "10,000 columns", view: patient(`{"column":[` + list(10_000, column) + `]}`), kind: KindLimit},
		{name: "50,000 columns", view: patient(`{"column":[` + list(50_000, column) + `]}`), kind: KindLimit},
		{name: "4,500 different paths", view: patient(`{"column":[` + list(4_500, func(i int) string {
			return fmt.Sprintf(`{"name":"c%d","path":"name.where(family = 'x%d' and use = 'usual').given.first()"}`, i, i)
		}) + `]}`), kind: KindLimit},
		{name: "3,000 different paths", view: patient(`{"column":[` + list(3_000, func(i int) string {
			return fmt.Sprintf(`{"name":"c%d","path":"name.where(family = 'x%d').given.first()"}`, i, i)
		}) + `]}`), bearable: true},
		{name: "paths of megabytes", view: patient(`{"column":[` + list(40, func(i int) string {
			return fmt.Sprintf(`{"name":"c%d","path":"id%s"}`, i, strings.Repeat(" | id", 15_000))
		}) + `]}`), kind: KindLimit},
		{name: "paths that take long to compile", view: patient(`{"column":[` + list(40, func(i int) string {
			return fmt.Sprintf(`{"name":"c%d","path":"name%s"}`, i, strings.Repeat(" | name.given.extension.value", 200))
		}) + `]}`)},
		{name: "selects in selects", view: patient(wrapped(150, `{"select":[`, `{`+narrow+`}`, `]}`)), kind: KindJSON},
		{name: "60 selects in selects", view: patient(wrapped(60, `{"select":[`, `{`+narrow+`}`, `]}`)), kind: KindLimit},
		{name: "selects of 49 levels", view: patient(wrapped(49, `{"forEach":"%resource.name","select":[`, `{`+narrow+`}`, `]}`))},
		{name: "unions of 49 levels", view: patient(wrapped(49, `{"forEach":"%resource.name","unionAll":[`, `{`+narrow+`}`, `]}`))},
		{name: "repeats of 49 levels", view: patient(wrapped(49, `{"repeat":["%resource.name"],"select":[`, `{`+narrow+`}`, `]}`))},
		{name: "unions of two", view: patient(strings.Repeat(`{"unionAll":[{`+narrow+`},`, 13) + `{` + narrow + `}` + strings.Repeat(`]}`, 13)), bearable: true},
		{name: "empty selects for each", view: patient(each("name", `"select":[`+list(4_000, func(int) string { return `{}` })+`],`+narrow))},
		{name: "empty selects for many", view: patient(each("name", `"select":[`+each("%resource.name", `"select":[`+list(4_000, func(int) string { return `{}` })+`],`+narrow)+`]`))},
		{name: "cross join", view: patient(each("name", narrow) + "," + each("telecom", strings.ReplaceAll(narrow, "c0", "d")) + "," + each("address", strings.ReplaceAll(narrow, "c0", "e")))},
		{name: "cross join of 40,000 wide rows", view: patient(each("name", wide) + "," + each("telecom", `"column":[{"name":"d","path":"value"}]`))},
		{name: "wide rows for many", view: patient(each("name", `"select":[`+each("given", `"select":[`+each("%resource.telecom", wide)+`]`)+`]`))},
		{name: "wide null rows", view: patient(each("name", `"select":[{"forEachOrNull":"%resource.telecom.where(false)",`+wide+`},{"forEachOrNull":"%resource.contact",`+strings.ReplaceAll(wide, `"c`, `"d`)+`}]`)), bearable: true},
		{name: "rows without columns", view: patient(each("name", `"select":[`+each("%resource.name", `"select":[`+each("%resource.name", `"select":[`+each("%resource.contact", narrow)+`]`)+`]`)+`]`))},
		{name: "paths that find nothing", view: patient(each("name", `"select":[`+each("%resource."+many, narrow)+`]`))},
		{name: "columns that find nothing", view: patient(each("name", `"column":[`+list(4_000, func(i int) string {
			return fmt.Sprintf(`{"name":"c%d","path":"%%resource.name.where(family='x').family"}`, i)
		})+`]`))},
		{name: "conditions on lists", view: patient(each("name.where(given = 'b' or family = 'A')", `"column":[`+list(500, func(i int) string {
			return fmt.Sprintf(`{"name":"c%d","path":"given.where($this = 'x').exists()"}`, i)
		})+`]`)), bearable: true},
		{name: "repeat that never ends", view: patient(`{"repeat":["$this"],` + narrow + `}`)},
		{name: "repeat that explodes", view: patient(`{"repeat":["$this","$this"],` + narrow + `}`)},
		{name: "repeat of all names", view: patient(`{"repeat":["%resource.name"],` + narrow + `}`)},
		{name: "repeat of descendants", view: patient(`{"repeat":["descendants()"],` + narrow + `}`), bearable: true},
		{name: "repeat of 3,000 paths", view: patient(`{"repeat":[` + list(3_000, func(int) string { return `"extension"` }) + `],"column":[{"name":"u","path":"url"}]}`), bearable: true},
		{name: "repeat in repeat", view: `{"resource":"Questionnaire","select":[` + wrapped(6, `{"repeat":["item"],"select":[`, `{"column":[{"name":"l","path":"linkId"}]}`, `]}`) + `]}`, data: items},
		{name: "repeat beside repeat", view: `{"resource":"Questionnaire","select":[` + list(4, func(i int) string {
			return fmt.Sprintf(`{"repeat":["item"],"column":[{"name":"l%d","path":"linkId"}]}`, i)
		}) + `]}`, data: items},
		{name: "texts", view: patient(each("name", `"column":[{"name":"t","path":"'`+strings.Repeat("a", 50_000)+`'.replace('a', 'aaaaaaaa')"}]`))},
		{name: "a resource 10,000 deep", view: patient(`{` + narrow + `}`), data: wrapped(10_000, `{"resourceType":"Patient","a":`, "1", "}")},
	}
}

// TestHurtfulViews compiles and runs hurtful views: each exceeds a limit or ends quickly with its rows, and none leaks
// memory.
func TestHurtfulViews(t *testing.T) {
	patient := hurtfulPatient()
	mustView(t, `{"resource":"Patient",`+columnID+`}`) // loads the model, which does not count
	var before, after runtime.MemStats
	for _, tt := range hurtfulViews() {
		if tt.data == "" {
			tt.data = patient
		}
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		kind, err := hurt(tt.view, tt.data)
		took := time.Since(start)
		runtime.GC()
		runtime.GC() // pools survive the first collection
		runtime.ReadMemStats(&after)
		var limit bool
		if limit = errors.Is(err, ErrLimit) || kind == KindLimit || tt.kind == KindJSON && kind == KindLimit; limit == tt.bearable || tt.bearable && err != nil {
			t.Errorf("%s: error %.300v, want a limit: %t", tt.name, err, !tt.bearable)
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("%s: %d bytes stay in use", tt.name, grown)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 512<<20 {
			t.Errorf("%s: %d bytes were allocated", tt.name, allocated)
		}
		t.Logf("%-32s %8v %4d MB %.100v", tt.name, took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20, err)
	}
}

// hurt compiles a view and runs it, and returns the first fault's kind, or the run's error.
func hurt(view, data string) (ErrorKind, error) {
	v, err := CompileJSON([]byte(view))
	var faults CompileErrors
	if errors.As(err, &faults) {
		return faults[0].Kind, err
	}
	var out bytes.Buffer
	_, err = v.Write(context.Background(), resources(data), NewNDJSONWriter(&out), Parallel(1))
	return 0, err
}
