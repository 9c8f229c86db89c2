package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

func queries(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
	mine := lifetest.Sample("mine")
	mine.Researcher.Email, mine.Priority = "me@example.org", orchestrator.Urgent
	late := lifetest.Sample("late")
	late.Due = time.Now().Add(-time.Hour)
	for _, n := range []orchestrator.NewRequest{mine, late, lifetest.Sample("done"), lifetest.Sample("gone")} {
		if _, err := o.Submit(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.Requests(t.Context(), orchestrator.Query{})
	if err != nil || len(page.Requests) != 4 {
		t.Fatalf("all: %d, %v", len(page.Requests), err)
	}
	byTitle := map[string]string{}
	for _, r := range page.Requests {
		byTitle[r.Title] = r.ID
	}
	if err := o.Withdraw(t.Context(), byTitle["gone"], boss, "by mistake"); err != nil {
		t.Fatal(err)
	}
	if err := o.Reassign(t.Context(), byTitle["late"], "coordinator-7", boss, "holidays"); err != nil {
		t.Fatal(err)
	}
	if err := o.Drain(t.Context()); err != nil { // all but one wait for requirements_review now
		t.Fatal(err)
	}
	if err := lifetest.Finish(t.Context(), o, byTitle["done"]); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, tt := range []struct {
		name string
		q    orchestrator.Query
		want []string
	}{
		{"all: highest priority first, then oldest", orchestrator.Query{}, []string{"mine", "late", "done", "gone"}},
		{"live", orchestrator.Query{Live: &yes}, []string{"mine", "late"}},
		{"ended", orchestrator.Query{Live: &no}, []string{"done", "gone"}},
		{"by state", orchestrator.Query{States: []string{"complete", "failed"}}, []string{"done", "gone"}},
		{"by researcher", orchestrator.Query{Researcher: "me@example.org"}, []string{"mine"}},
		{"by assignee", orchestrator.Query{Assignee: "coordinator-7"}, []string{"late"}},
		{"overdue", orchestrator.Query{Overdue: true}, []string{"late"}},
		{"together", orchestrator.Query{Live: &yes, Overdue: true, Text: "la", States: []string{"requirements_review"}}, []string{"late"}},
	} {
		if diff := cmp.Diff(tt.want, lifetest.Titles(t, s, tt.q)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for _, tt := range []struct {
		name  string
		roles []string
		want  []string
	}{
		{"of a role", []string{"somebody", workflow.RoleInformatician}, []string{"mine", "late"}},
		{"of other roles", []string{workflow.RoleAdministrator, "inform"}, nil},
		{"of roles that differ in case or match as patterns", []string{strings.ToUpper(workflow.RoleInformatician), "%", "_nformatician"}, nil},
		{"of an empty role", []string{""}, nil},
		{"without roles", nil, nil},
	} {
		var got []string
		for r, err := range o.Inbox(t.Context(), tt.roles...) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Title)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("inbox %s: %s", tt.name, diff)
		}
	}
	second, err := s.Inbox(t.Context(), []string{workflow.RoleInformatician}, orchestrator.Query{Text: "la"})
	if err != nil || len(second.Requests) != 1 || second.Requests[0].Title != "late" {
		t.Errorf("inbox with a query: %v, %v; want late", second.Requests, err)
	}
	if err := o.Suspend(t.Context(), byTitle["late"], boss, "holidays"); err != nil {
		t.Fatal(err)
	}
	rest, err := s.Inbox(t.Context(), []string{workflow.RoleInformatician}, orchestrator.Query{})
	if err != nil || len(rest.Requests) != 1 || rest.Requests[0].Title != "mine" {
		t.Errorf("inbox while a request is suspended: %v, %v; want mine", rest.Requests, err)
	}
}

func textQueries(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s)
	all := []string{"Diabetes type 2: HbA1c in adults", "Asthma & inhalers (children)", "COVID-19 follow-up", "Ärztliche Diagnosen", `quote " ' \ % _`}
	for _, title := range all {
		lifetest.Submit(t, o, title)
	}
	for _, tt := range []struct {
		text string
		want []int
	}{
		{"diabetes", []int{0}},
		{"DIA", []int{0, 3}},
		{"adult hba1c", []int{0}},
		{"asthma adults", nil},
		{"child", []int{1}},
		{"19", []int{2}},
		{"covid 19", []int{2}},
		{"ärzt", []int{3}},
		{"arzt", nil},
		{"' OR 1=1 --", nil},
		{`quote`, []int{4}},
		{"2", []int{0}},
		{"abetes", nil},
		{"&", []int{0, 1, 2, 3, 4}}, // no words: no restriction
		{strings.Repeat("x", 3000), nil},
		{strings.Repeat("ä", 3000) + " diabetes", nil},
	} {
		want := []string{}
		for _, i := range tt.want {
			want = append(want, all[i])
		}
		if diff := cmp.Diff(want, lifetest.Titles(t, s, orchestrator.Query{Text: tt.text})); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
}

func pages(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s)
	const n = 23
	for i := range n {
		r := lifetest.Sample(fmt.Sprintf("page %02d", i))
		r.Priority = orchestrator.Priority(i % 4)
		if _, err := o.Submit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	whole := lifetest.Titles(t, s, orchestrator.Query{Limit: 1000})
	var got []string
	q := orchestrator.Query{Limit: 4}
	for i := 0; ; i++ {
		page, err := s.Requests(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Requests) > 4 {
			t.Fatalf("page of %d, want at most 4", len(page.Requests))
		}
		for _, r := range page.Requests {
			got = append(got, r.Title)
		}
		if page.Next == "" {
			break
		}
		q.Cursor = page.Next
		if i == 1 { // what comes in between does not disturb the pages behind
			r := lifetest.Sample("between")
			r.Priority = orchestrator.Stat
			if _, err := o.Submit(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	got = slices.DeleteFunc(got, func(s string) bool { return s == "between" })
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []orchestrator.Query{{Cursor: "x"}, {Limit: -1}, {Limit: 1001}, {Cursor: "eyJwIjowfQ"}} {
		if _, err := s.Requests(t.Context(), bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

func durations(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	begin := time.Now().Add(-time.Hour)
	for i := range 3 {
		if _, err := lifetest.Live(t.Context(), o, lifetest.Sample(fmt.Sprint("duration ", i))); err != nil {
			t.Fatal(err)
		}
	}
	waiting := lifetest.Submit(t, o, "waits")
	all, err := o.Durations(t.Context(), begin, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]int{}
	for _, d := range all {
		left[d.State] = d.Count
		if d.Median > d.P95 || d.P95 > d.Longest || d.Longest <= 0 && d.State == workflow.StateQAReview {
			t.Errorf("%s: median %v, 95 %% %v, longest %v", d.State, d.Median, d.P95, d.Longest)
		}
	}
	for _, state := range lifetest.HappyPath() {
		want := 3
		switch state {
		case workflow.StateComplete:
			want = 0
		case workflow.StateNewRequest:
			want = 4
		}
		if left[state] != want {
			t.Errorf("%s was left %d times, want %d", state, left[state], want)
		}
	}
	ever, err := o.Durations(t.Context(), time.Time{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	if diff := cmp.Diff(all, ever); diff != "" || err != nil {
		t.Errorf("durations of all times: %v %s", err, diff)
	}
	if none, err := o.Durations(t.Context(), begin.Add(-time.Hour), begin); err != nil || len(none) != 0 {
		t.Errorf("durations of another time: %v, %v", none, err)
	}
	counts, err := o.Counts(t.Context())
	want := []orchestrator.StateCount{
		{State: "complete", Live: false, Count: 3}, {State: "requirements_gathering", Live: true, Count: 1},
	}
	if diff := cmp.Diff(want, counts); diff != "" || err != nil {
		t.Errorf("counts: %v %s", err, diff)
	}
	b, err := o.Backlog(t.Context())
	if err != nil || b.ReadySteps != 1 || b.RunningSteps != 0 {
		t.Errorf("backlog with %s waiting: %+v, %v", waiting, b, err)
	}
}
