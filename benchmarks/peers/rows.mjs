// Reading and comparing rows, so that no ratio is printed for different answers.

// parseCSV returns the records of RFC 4180 text, the header first.
export function parseCSV(text) {
  const records = [];
  let record = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') field += text[++i];
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ',') (record.push(field), (field = ''));
    else if (c === '\n') (record.push(field), records.push(record), (record = []), (field = ''));
    else if (c !== '\r') field += c;
  }
  if (field !== '' || record.length > 0) records.push([...record, field]);
  return records;
}

// normal gives numbers one spelling: 6.50 and 6.5 are one value.
const normal = (cell) => {
  if (cell === null || cell === undefined) return '';
  const text = String(cell);
  return /^-?\d+(\.\d+)?$/.test(text) ? String(Number(text)) : text;
};

// multiset returns the rows (arrays of cells in column order) as sorted texts.
export const multiset = (rows) => rows.map((row) => JSON.stringify(row.map(normal))).sort();

// difference says in a word how two multisets differ, '' when they do not. It shows no values.
export function difference(ours, theirs) {
  if (ours.length !== theirs.length) return `${ours.length} rows here, ${theirs.length} there`;
  const at = ours.findIndex((row, i) => row !== theirs[i]);
  return at < 0 ? '' : `row ${at + 1} of the sorted rows differs`;
}
