// The SQL that an expert of DuckDB would write by hand for each view: only the fields that are needed,
// each with its type, no JSON functions, filters before unnesting.

const reference = 'STRUCT(reference VARCHAR)';
const codings = 'STRUCT(system VARCHAR, code VARCHAR)[]';
const concept = `STRUCT(coding ${codings})`;

// key gives the id of a literal reference to a type, NULL for any other reference.
const key = (column, type) =>
  `CASE WHEN starts_with(${column}.reference, '${type}/') THEN substr(${column}.reference, ${type.length + 2}) END`;

// orNull keeps a row for a list without elements, as forEachOrNull does.
const orNull = (list) => `unnest(CASE WHEN len(${list}) > 0 THEN ${list} ELSE [NULL] END)`;

const read = (file, columns) =>
  `read_ndjson('${file}', columns = {${Object.entries(columns).map(([name, type]) => `${name}: '${type}'`).join(', ')}})`;

export const queries = {
  patient_demographics: (file) => `
    SELECT id, gender, array_to_string(n.given, ' ') AS given_name, n.family AS family_name
    FROM (SELECT id, gender, list_filter(name, lambda x: x.use = 'official')[1] AS n
          FROM ${read(file, {
            id: 'VARCHAR', gender: 'VARCHAR', name: 'STRUCT("use" VARCHAR, family VARCHAR, given VARCHAR[])[]' })})
    WHERE n IS NOT NULL`,

  patient_addresses: (file) => `
    SELECT id AS patient_id, array_to_string(a.line, chr(10)) AS street, a."use" AS "use", a.city AS city, a.postalCode AS zip
    FROM (SELECT id, unnest(address) AS a
          FROM ${read(file, {
            id: 'VARCHAR',
            address: 'STRUCT("use" VARCHAR, line VARCHAR[], city VARCHAR, postalCode VARCHAR)[]' })})`,

  condition_flat: (file) => `
    SELECT id, patient_id, encounter_id, onset_datetime, c.system AS system, c.code AS code,
           k.code AS category, cs.code AS clinical_status, vs.code AS verification_status
    FROM (SELECT *, ${orNull('vss')} AS vs FROM (SELECT *, ${orNull('css')} AS cs FROM (SELECT *, ${orNull('ks')} AS k FROM (
      SELECT id, ${key('subject', 'Patient')} AS patient_id, ${key('encounter', 'Encounter')} AS encounter_id,
             onsetDateTime AS onset_datetime, ${orNull('code.coding')} AS c,
             flatten(list_transform(category, lambda x: x.coding)) AS ks,
             clinicalStatus.coding AS css, verificationStatus.coding AS vss
      FROM ${read(file, {
        id: 'VARCHAR', subject: reference, encounter: reference, onsetDateTime: 'VARCHAR', code: concept,
        category: `${concept}[]`, clinicalStatus: concept, verificationStatus: concept })}))))`,

  encounter_flat: (file) => `
    SELECT id, status, patient_id, service_org_id, period_start, period_end, t.system AS type_sys, t.code AS type_code,
           ${key('p.individual', 'Practitioner')} AS practitioner_id
    FROM (SELECT *, ${orNull('participant')} AS p FROM (
      SELECT id, status, ${key('subject', 'Patient')} AS patient_id,
             ${key('serviceProvider', 'Organization')} AS service_org_id,
             period."start" AS period_start, period."end" AS period_end, participant,
             ${orNull('types')} AS t
      FROM (SELECT *, flatten(list_transform(type, lambda x: x.coding)) AS types
            FROM ${read(file, {
              id: 'VARCHAR', status: 'VARCHAR', subject: reference, serviceProvider: reference,
              period: 'STRUCT("start" VARCHAR, "end" VARCHAR)', type: `${concept}[]`,
              participant: `STRUCT(individual ${reference})[]` })})))`,

  lab_observation: (file) => `
    SELECT id AS observation_id, code.coding[1].code AS lab_code, code.coding[1].display AS lab_display, status,
           effectiveDateTime AS effective_time, issued AS issued_time, encounter.reference AS encounter_id,
           subject.reference AS patient_id
    FROM ${read(file, {
      id: 'VARCHAR', status: 'VARCHAR', category: `${concept}[]`,
      code: 'STRUCT(coding STRUCT(code VARCHAR, display VARCHAR)[])', effectiveDateTime: 'VARCHAR',
      issued: 'VARCHAR', encounter: reference, subject: reference })}
    WHERE encounter IS NOT NULL
      AND len(list_filter(flatten(list_transform(category, lambda x: x.coding)), lambda x:
        x.system = 'http://terminology.hl7.org/CodeSystem/observation-category' AND x.code = 'laboratory')) > 0`,

  us_core_blood_pressures: (file) => {
    const has = (list, code) => `len(list_filter(${list}, lambda x: x.system = 'http://loinc.org' AND x.code = '${code}')) > 0`;
    const quantity = (column, prefix) =>
      ['system', 'code', 'unit', 'value'].map((f) => `${column}.valueQuantity.${f} AS ${prefix}_quantity_${f}`).join(', ');
    return `
    SELECT id, patient_id, effective_date_time, ${quantity('s', 'sbp')}, ${quantity('d', 'dbp')}
    FROM (SELECT id, ${key('subject', 'Patient')} AS patient_id, effectiveDateTime AS effective_date_time,
                 list_filter(component, lambda c: ${has('c.code.coding', '8480-6')})[1] AS s,
                 list_filter(component, lambda c: ${has('c.code.coding', '8462-4')})[1] AS d
          FROM ${read(file, {
            id: 'VARCHAR', subject: reference, effectiveDateTime: 'VARCHAR', code: concept,
            component: `STRUCT(code ${concept}, valueQuantity STRUCT(system VARCHAR, code VARCHAR, unit VARCHAR, "value" DOUBLE))[]` })}
          WHERE ${has('code.coding', '85354-9')})
    WHERE s IS NOT NULL AND d IS NOT NULL`;
  },
};
