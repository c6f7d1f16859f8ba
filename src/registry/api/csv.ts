/** A cell that a spreadsheet would take for a formula (OWASP: CSV injection) begins with a quotation mark instead. */
const FORMULA = /^[=+\-@\t\r]/

/** Rows as CSV (RFC 4180); the first one is the head. Numbers stay numbers. */
export function csvOf(rows: readonly (readonly (string | number | boolean | undefined)[])[]): string {
  return rows.map((row) => `${row.map(cellOf).join(',')}\r\n`).join('')
}

function cellOf(value: string | number | boolean | undefined): string {
  if (typeof value !== 'string') return value === undefined ? '' : String(value)
  const text = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
