/** Whether the first three numbers of a version are less than another's; of what is no version, nobody knows. */
export function isOlderRelease(version: string, other: string): boolean {
  const [one, another] = [numbersOf(version), numbersOf(other)]
  if (!one || !another) return false
  const index = one.findIndex((number, position) => number !== another[position])
  return index >= 0 && (one[index] ?? 0) < (another[index] ?? 0)
}

function numbersOf(version: string): number[] | undefined {
  const match = /^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(version)
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined
}
