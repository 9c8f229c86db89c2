package orchestrator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/internal/input"
)

// patched applies a JSON merge patch (RFC 7396) to requirements and checks the result.
func (o *Orchestrator) patched(ctx context.Context, r Requirements, patch json.RawMessage) (Requirements, error) {
	var change any
	if err := json.Unmarshal(patch, &change); err != nil {
		return r, invalid("patch", "is not JSON")
	}
	if _, ok := change.(map[string]any); !ok {
		return r, invalid("patch", "is not a JSON object")
	}
	var v ValidationError
	v.members("patch", change, reflect.TypeFor[Requirements]())
	if err := v.orNil(); err != nil {
		return r, err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return r, fmt.Errorf("orchestrator: requirements: %w", err)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return r, fmt.Errorf("orchestrator: requirements: %w", err)
	}
	if raw, err = json.Marshal(mergePatch(doc, change)); err != nil {
		return r, fmt.Errorf("orchestrator: patch: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var out Requirements
	if err := dec.Decode(&out); err != nil {
		return r, invalid("patch", "does not result in requirements: "+patchFault(err))
	}
	out = out.withDefaults()
	return out, o.checkRequirements(ctx, out, "")
}

// members refuses members that a type does not have; names are compared exactly, unlike by encoding/json. It leaves
// other mismatches to the decoder.
func (e *ValidationError) members(path string, value any, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case []any:
		for i := 0; i < len(v) && t.Kind() == reflect.Slice; i++ {
			e.members(fmt.Sprintf("%s[%d]", path, i), v[i], t.Elem())
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return
		}
		known := map[string]reflect.Type{}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			known[name] = f.Type
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if known[name] == nil {
				e.add(path+"."+clean(name, 60), "is not a member of requirements")
				continue
			}
			e.members(path+"."+name, v[name], known[name])
		}
	}
}

// patchFault names the member, never a value.
func patchFault(err error) string {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		return fmt.Sprintf("%s is a JSON %s", typ.Field, input.Kind(typ))
	}
	return "it has an unknown member"
}

// mergePatch is RFC 7396, section 2.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for name, value := range p {
		if value == nil {
			delete(t, name)
		} else {
			t[name] = mergePatch(t[name], value)
		}
	}
	return t
}

// checkRequirements validates requirements and then applies the host's check.
func (o *Orchestrator) checkRequirements(ctx context.Context, r Requirements, prefix string) error {
	var v ValidationError
	r.validate(&v, prefix)
	if len(v.Faults) == 0 && o.cfg.check != nil {
		for _, f := range o.cfg.check(ctx, r) {
			v.add(prefix+f.Path, f.Message)
		}
	}
	return v.orNil()
}

// canonicalDigest is the SHA-256 of a value's canonical JSON, in hex.
func canonicalDigest(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("orchestrator: digest: %w", err)
	}
	if raw, err = audit.Canonical(raw); err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
