package audit

import (
	"bytes"
	"strconv"
	"time"
)

// encoder writes canonical JSON directly, with the members in canonical order. The result equals that of json.Marshal
// and Canonical, which a test checks, at a fraction of the cost.
type encoder struct {
	buf   []byte
	first bool // no member of the object was written yet
	err   error
}

func (e *encoder) open()  { e.buf, e.first = append(e.buf, '{'), true }
func (e *encoder) close() { e.buf, e.first = append(e.buf, '}'), false }

// key begins a member. Keys here need no escapes.
func (e *encoder) key(name string) {
	if !e.first {
		e.buf = append(e.buf, ',')
	}
	e.first = false
	e.buf = append(append(append(e.buf, '"'), name...), '"', ':')
}

func (e *encoder) text(s string) {
	b, err := appendString(e.buf, s)
	if err != nil {
		if e.err == nil {
			e.err = err
		}
		return
	}
	e.buf = b
}

func (e *encoder) str(name, s string) { e.key(name); e.text(s) }

func (e *encoder) optional(name, s string) {
	if s != "" {
		e.str(name, s)
	}
}

// exact is the range in which an integer is a float64.
const exact = 1 << 53

func (e *encoder) int(name string, n int64) {
	e.key(name)
	if n > -exact && n < exact {
		e.buf = strconv.AppendInt(e.buf, n, 10)
		return
	}
	e.buf, _ = appendNumber(e.buf, float64(n)) // finite
}

func (e *encoder) optionalInt(name string, n int64) {
	if n != 0 {
		e.int(name, n)
	}
}

func (e *encoder) time(name string, t time.Time) {
	e.key(name)
	e.buf = append(t.AppendFormat(append(e.buf, '"'), time.RFC3339Nano), '"')
}

func encodeEntry(e *Entry) ([]byte, error) {
	w := encoder{buf: make([]byte, 0, 512)}
	w.open()
	w.str("action", string(e.Action))
	w.str("chain", e.Chain)
	if c := e.Change; c != nil {
		w.key("change")
		w.open()
		w.str("event", c.Event)
		w.optional("from", c.From)
		w.int("seq", c.Seq)
		w.str("to", c.To)
		w.close()
	}
	if len(e.Entity) > 0 {
		w.key("entities")
		w.entities(e.Entity)
	}
	w.optional("error", e.Error)
	if e.Gate != nil {
		w.key("gate")
		w.gate(e.Gate)
	}
	w.str("id", e.ID)
	if !e.Occurred.IsZero() {
		w.time("occurred", e.Occurred)
	}
	w.int("outcome", int64(e.Outcome))
	if p := e.Patient; p != nil {
		w.key("patients")
		w.open()
		w.optionalInt("count", p.Count)
		w.optional("hmac", p.HMAC)
		w.optional("setHash", p.SetHash)
		w.close()
	}
	w.optional("prev", e.Prev)
	if len(e.Query) > 0 {
		w.key("query")
		w.params(e.Query)
	}
	w.time("recorded", e.Recorded)
	w.int("seq", e.Seq)
	if s := e.Sign; s != nil {
		w.key("signature")
		w.open()
		w.str("meaning", s.Meaning)
		w.str("name", s.Name)
		w.str("shown", s.Shown)
		w.time("time", s.Time)
		w.close()
	}
	if s := e.Step; s != nil {
		w.key("step")
		w.open()
		w.int("attempt", int64(s.Attempt))
		w.optional("event", s.Event)
		w.str("id", s.ID)
		w.optionalInt("micros", s.Micros)
		w.str("name", s.Name)
		w.int("token", s.Token)
		w.close()
	}
	w.optional("tenant", e.Tenant)
	w.str("type", string(e.Type))
	w.int("version", int64(e.Version))
	w.context(e)
	w.close()
	return w.buf, w.err
}

// context writes where, who and why.
func (e *encoder) context(x *Entry) {
	if p := x.Where; p != (Where{}) {
		e.key("where")
		e.open()
		e.optional("fhirBase", p.FHIRBase)
		e.optional("requestId", p.RequestID)
		e.optional("traceId", p.TraceID)
		e.close()
	}
	e.key("who")
	e.open()
	e.optional("address", x.Who.Address)
	e.optional("client", x.Who.Client)
	e.optional("instance", x.Who.Instance)
	e.optional("onBehalfOf", x.Who.OnBehalfOf)
	e.optional("role", x.Who.Role)
	e.optional("system", x.Who.System)
	e.optional("user", x.Who.User)
	e.close()
	if y := x.Why; y != (Why{}) {
		e.key("why")
		e.open()
		e.optional("gate", y.Gate)
		e.optional("protocol", y.Protocol)
		e.optional("purpose", y.Purpose)
		e.close()
	}
}

func (e *encoder) entities(all []Entity) {
	e.buf = append(e.buf, '[')
	for i, x := range all {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.open()
		e.optional("after", x.After)
		e.optional("before", x.Before)
		e.optionalInt("count", x.Count)
		e.str("kind", x.Kind)
		e.optional("reference", x.Ref)
		e.optionalInt("version", int64(x.Version))
		e.close()
	}
	e.buf = append(e.buf, ']')
}

func (e *encoder) params(all []Param) {
	e.buf = append(e.buf, '[')
	for i, p := range all {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.open()
		e.optional("hmac", p.HMAC)
		e.str("name", p.Name)
		e.close()
	}
	e.buf = append(e.buf, ']')
}

func (e *encoder) gate(g *Gate) {
	e.open()
	e.str("id", g.ID)
	e.optionalInt("level", int64(g.Level))
	e.optional("reason", g.Reason)
	if len(g.Roles) > 0 {
		e.key("roles")
		e.buf = append(e.buf, '[')
		for i, r := range g.Roles {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.text(r)
		}
		e.buf = append(e.buf, ']')
	}
	e.str("state", g.State)
	e.optional("status", g.Status)
	e.optional("to", g.To)
	e.optional("verdict", g.Verdict)
	e.close()
}

// members calls f with the name and the encoded value of each member of a canonical object. Since canonical text has
// no white space, it scans for the ends of strings and objects only. Text that is not an object has no members.
func members(body []byte, f func(key, value []byte)) {
	depth, start := 0, 0
	var key []byte
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			end := i + 1
			for {
				n := bytes.IndexByte(body[min(end, len(body)):], '"')
				if n < 0 {
					return
				}
				end += n
				back := 0
				for body[end-1-back] == '\\' {
					back++
				}
				if back%2 == 0 {
					break
				}
				end++
			}
			if depth == 1 && start == 0 && end+1 < len(body) && body[end+1] == ':' {
				key, start = body[i+1:end], end+2
			}
			i = end
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 1 && start > 0 {
				f(key, body[start:i])
				start = 0
			}
			if body[i] != ',' {
				depth--
			}
		}
	}
}

// agrees says whether the fields equal those of the body.
func (s *Sealed) agrees() bool {
	same, found := true, 0
	var space [128]byte
	members(s.Body, func(key, value []byte) {
		want := encoder{buf: space[:0]}
		switch string(key) {
		case "chain":
			want.text(s.Chain)
		case "id":
			want.text(s.ID)
		case "type":
			want.text(string(s.Type))
		case "prev":
			want.text(s.Prev)
		case "seq":
			want.buf = strconv.AppendInt(want.buf, s.Seq, 10)
		case "recorded":
			want.buf = append(s.Recorded.UTC().AppendFormat(append(want.buf, '"'), time.RFC3339Nano), '"')
		default:
			return
		}
		found++
		if want.err != nil || !bytes.Equal(value, want.buf) {
			same = false
		}
	})
	if s.Prev == "" {
		found++ // the first entry has no such member
	}
	return same && found == 6
}
