const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })

/** `France (FR)`; a code that is no country's stays as it is. @param code of two letters */
export function countryText(code: string): string {
  const name = /^[A-Z]{2}$/.test(code) ? names.of(code) : undefined
  return name === undefined ? code : `${name} (${code})`
}
