package runner

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// digest hashes everything that decides the rows: the version of this hash, the FHIR version, the options, and the
// definition without its metadata.
func (c *compiler) digest() string {
	d := digester{h: sha256.New()}
	d.text("researchflow view 2")
	d.text(c.exprs.model.String())
	d.flag(c.cfg.nullLiterals)
	d.flag(c.cfg.emptyJoin)
	d.flag(c.cfg.strictness == strictAll)
	d.text(c.def.Resource)
	d.count(len(c.def.Constant))
	for _, k := range c.def.Constant {
		d.text(k.Name)
		d.text(k.Type)
		d.text(k.Value)
	}
	d.count(len(c.def.Where))
	for _, w := range c.def.Where {
		d.text(w.Path)
	}
	d.selects(c.def.Select)
	return hex.EncodeToString(d.h.Sum(nil))
}

// digester writes definitions to a hash. It prefixes lists and texts with their lengths, so that no two definitions
// write the same bytes.
type digester struct {
	h   hash.Hash
	buf []byte
}

func (d *digester) count(n int) {
	d.buf = binary.AppendUvarint(d.buf[:0], uint64(n))
	d.h.Write(d.buf)
}

func (d *digester) text(s string) {
	d.count(len(s))
	d.buf = append(d.buf[:0], s...)
	d.h.Write(d.buf)
}

func (d *digester) flag(b bool) {
	if b {
		d.count(1)
	} else {
		d.count(0)
	}
}

func (d *digester) selects(list []Select) {
	d.count(len(list))
	for i := range list {
		s := &list[i]
		d.text(s.ForEach)
		d.text(s.ForEachOrNull)
		d.count(len(s.Repeat))
		for _, path := range s.Repeat {
			d.text(path)
		}
		d.count(len(s.Column))
		for _, c := range s.Column {
			d.text(c.Name)
			d.text(c.Path)
			d.text(c.Type)
			d.text(c.Description)
			d.flag(c.Collection)
			d.count(len(c.Tag))
			for _, t := range c.Tag {
				d.text(t.Name)
				d.text(t.Value)
			}
		}
		d.selects(s.Select)
		d.flag(s.UnionAll != nil)
		d.selects(s.UnionAll)
	}
}
