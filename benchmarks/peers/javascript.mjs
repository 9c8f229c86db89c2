// The JavaScript peers: Medplum's evalSqlOnFhir, and a view evaluator over fhirpath.js whose
// expressions are compiled once, as sof-js does with a cache.
import { evalSqlOnFhir } from '@medplum/core';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';

// medplum returns a function from resources to rows.
export function medplum(view) {
  return (resources) => evalSqlOnFhir(view, resources);
}

const keys = {
  getResourceKey: { fn: (inputs) => inputs.map((r) => r.id), arity: { 0: [] } },
  getReferenceKey: {
    fn: (inputs, type) =>
      inputs.flatMap((r) => {
        const [of, id] = (r.reference ?? '').split('/');
        return id && (!type || of === type) ? [id] : [];
      }),
    arity: { 0: [], 1: ['TypeSpecifier'] },
  },
};

// fhirpathJS returns a function from resources to rows for the elements that the measured views use:
// column, forEach, forEachOrNull, nested select, where, constants.
export function fhirpathJS(view) {
  const constants = Object.fromEntries((view.constant ?? []).map((c) => [c.name, c.valueCode ?? c.valueString]));
  const compile = (expression) => {
    // getReferenceKey(Patient) takes a type specifier; fhirpath.js hands user functions its parsed name.
    const text = expression.replace(/getReferenceKey\((\w+)\)/g, "getReferenceKey('$1')");
    return fhirpath.compile(text, r4, {
      userInvocationTable: { ...keys, getReferenceKey: { ...keys.getReferenceKey, arity: { 0: [], 1: ['String'] } } },
    });
  };
  const where = (view.where ?? []).map((w) => compile(w.path));
  const plan = (select) => {
    const parts = [
      ...(select.column ?? []).map((column) => {
        const path = compile(column.path);
        return (focus) => [{ [column.name]: path(focus, constants)[0] ?? null }];
      }),
      ...(select.select ?? []).map(plan),
    ];
    const names = columns(select);
    const product = (focus) =>
      parts.reduce((rows, part) => {
        const next = part(focus);
        return rows.flatMap((row) => next.map((more) => ({ ...row, ...more })));
      }, [{}]);
    const each = select.forEach ?? select.forEachOrNull;
    if (!each) return product;
    const path = compile(each);
    return (focus) => {
      const items = path(focus, constants);
      if (items.length === 0 && select.forEachOrNull) return [Object.fromEntries(names.map((n) => [n, null]))];
      return items.flatMap(product);
    };
  };
  const root = plan({ select: view.select });
  return (resources) => resources.filter((r) => where.every((w) => w(r, constants)[0] === true)).flatMap(root);
}

function columns(select) {
  return [...(select.column ?? []).map((c) => c.name), ...(select.select ?? []).flatMap(columns)];
}
