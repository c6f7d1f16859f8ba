/** What a clock of a browser may differ without being wrong: dates of HTTP have whole seconds, and are on the way. */
const TOLERANCE_MS = 30_000

let aheadMs = 0

/** The registry says what time it is (RFC 9110, 6.6.1). @param date the header of an answer; null: it says nothing */
export function hearDate(date: string | null): void {
  const differenceMs = Date.parse(date ?? '') - Date.now()
  if (Number.isFinite(differenceMs)) aheadMs = Math.abs(differenceMs) <= TOLERANCE_MS ? 0 : differenceMs
}

/** The time as the registry has it, whose clock counts; Unix milliseconds. */
export const registryNow = (): number => Date.now() + aheadMs
