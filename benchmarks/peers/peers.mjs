// Runs ResearchFlow's viewrun and its peers over the same files and views, checks that the rows agree
// and prints the ratios.
//
//   npm install && node peers.mjs --data DIR --views DIR --viewrun BINARY [--runs N] [--sample N] [--json FILE]
//
// DIR of --data holds plain NDJSON (Type.ndjson). Everybody has one core: viewrun runs with GOMAXPROCS=1 and
// -parallel 1, DuckDB with one thread. Files read and CSV files written are on the same disk. Times are taken
// inside each process, without its start; runs are interleaved and the ratio is the median of the pairs.
// The JavaScript engines get the first --sample resources of a file, and viewrun the same ones.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { fhirpathJS, medplum } from './javascript.mjs';
import { difference, multiset, parseCSV } from './rows.mjs';
import { queries } from './sql.mjs';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    views: { type: 'string' },
    viewrun: { type: 'string' },
    runs: { type: 'string', default: '5' },
    sample: { type: 'string', default: '4000' },
    json: { type: 'string' },
  },
});
for (const name of ['data', 'views', 'viewrun']) {
  if (!options[name]) {
    console.error(`peers: --${name} is missing`);
    process.exit(2);
  }
}
const runs = Number(options.runs);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'peers-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const read = (file) => parseCSV(fs.readFileSync(file, 'utf8')).slice(1);

// ours runs viewrun and returns its seconds; the rows are in the file out.
function ours(viewFile, source, out) {
  const result = execFileSync(
    'sh',
    ['-c', '"$0" "$@" 3>&1 1>/dev/null 2>&3', options.viewrun, '-view', viewFile, '-source', source, '-format', 'csv',
      '-csv-guard=false', '-out', out, '-parallel', '1', '-stats'],
    { env: { ...process.env, GOMAXPROCS: '1' }, encoding: 'utf8' },
  );
  return JSON.parse(result.trim().split('\n').at(-1)).seconds;
}

const db = await (await DuckDBInstance.create(':memory:')).connect();
await db.run('SET threads = 1');

async function duckdb(view, source, out) {
  const sql = `COPY (${queries[view.file](source)}) TO '${out}' (HEADER)`;
  const start = performance.now();
  await db.run(sql);
  return (performance.now() - start) / 1e3;
}

// javascript reads the file, parses its lines, evaluates, writes CSV; all of it counts, as it does for us.
function javascript(engine, view, columns, source, out) {
  const start = performance.now();
  const resources = fs.readFileSync(source, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const rows = engine(resources).map((row) => columns.map((name) => row[name]));
  const cell = (value) => (value === null || value === undefined ? '' : /[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  fs.writeFileSync(out, [columns, ...rows].map((row) => row.map(cell).join(',')).join('\n') + '\n');
  return (performance.now() - start) / 1e3;
}

function sampleOf(source, count) {
  const file = path.join(work, path.basename(source));
  const text = fs.readFileSync(source, 'utf8').split('\n').slice(0, count).join('\n') + '\n';
  fs.writeFileSync(file, text);
  return file;
}

async function compare(peer, viewFile, source, run) {
  const [mine, theirs] = [path.join(work, 'ours.csv'), path.join(work, 'theirs.csv')];
  const ratios = [];
  const seconds = { ours: [], theirs: [] };
  for (let i = 0; i <= runs; i++) {
    const a = ours(viewFile, source, mine);
    const b = await run(source, theirs);
    if (i === 0) continue; // warm-up
    ratios.push(b / a);
    seconds.ours.push(a);
    seconds.theirs.push(b);
  }
  const rows = read(mine);
  const wrong = difference(multiset(rows), multiset(read(theirs)));
  const size = fs.statSync(source).size / 1e6;
  return { peer, ratio: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios), ours: size / median(seconds.ours), theirs: size / median(seconds.theirs), rows: rows.length, wrong };
}

const results = [];
let failed = false;
console.log('| view | peer | rows | MB/s here | MB/s there | ratio | lowest | highest |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const file of Object.keys(queries)) {
  const viewFile = path.resolve(options.views, `${file}.json`);
  const view = { ...JSON.parse(fs.readFileSync(viewFile, 'utf8')), file };
  const source = path.resolve(options.data, `${view.resource}.ndjson`);
  const sample = sampleOf(source, Number(options.sample));
  ours(viewFile, sample, path.join(work, 'header.csv'));
  const columns = parseCSV(fs.readFileSync(path.join(work, 'header.csv'), 'utf8'))[0];
  const peers = [
    await compare('DuckDB, SQL by hand', viewFile, source, (from, to) => duckdb(view, from, to)),
    await compare('Medplum evalSqlOnFhir', viewFile, sample, (from, to) => javascript(medplum(view), view, columns, from, to)),
    await compare('fhirpath.js, compiled', viewFile, sample, (from, to) => javascript(fhirpathJS(view), view, columns, from, to)),
  ];
  for (const p of peers) {
    results.push({ view: file, ...p });
    failed ||= p.wrong !== '';
    const ratio = p.wrong === '' ? p.ratio.toFixed(2) : `rows differ: ${p.wrong}`;
    console.log(`| ${file} | ${p.peer} | ${p.rows} | ${p.ours.toFixed(0)} | ${p.theirs.toFixed(1)} | ${ratio} | ${p.low.toFixed(2)} | ${p.high.toFixed(2)} |`);
  }
}
if (options.json) fs.writeFileSync(options.json, JSON.stringify(results, null, 2) + '\n');
process.exit(failed ? 1 : 0);
