package synth

import "fmt"

// staff are the organisations and practitioners that every patient of a population shares.
type staff struct {
	organizations []organization
	practitioners []practitioner
}

// Streams of a seed: patients use their index, the staff one that no index reaches.
const staffStream = 1 << 63

func newStaff(cfg Config) *staff {
	s := newSource(cfg.Seed, staffStream)
	st := &staff{}
	for _, name := range []string{"Riverside Clinic", "Hillcrest Hospital", "Lakeview Family Practice"} {
		st.organizations = append(st.organizations, organization{meta{"Organization", s.id()}, true, name})
	}
	for i := range 8 {
		gender := []string{"female", "male"}[i%2]
		st.practitioners = append(st.practitioners, practitioner{
			meta{"Practitioner", s.id()},
			true,
			[]humanName{{Family: pick(s, families()), Given: []string{pick(s, names(gender))}, Prefix: []string{"Dr."}}},
		})
	}
	return st
}

func (st *staff) resources() []resource {
	var out []resource
	for _, o := range st.organizations {
		out = append(out, o)
	}
	for _, p := range st.practitioners {
		out = append(out, p)
	}
	return out
}

func refTo(r resource) reference {
	kind, id := r.key()
	return reference{fmt.Sprintf("%s/%s", kind, id)}
}
