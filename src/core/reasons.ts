/** Reasons as one text, each with the name of what it is the reason for: `a: it is full; b: it is away`; undefined: there are none. */
export function reasonsText(reasons: Iterable<readonly [name: string, reason: string]>): string | undefined {
  return [...reasons].map(([name, reason]) => `${name}: ${reason}`).join('; ') || undefined
}
