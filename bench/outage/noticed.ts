import type { Re6stNode } from '../../lab/re6st-node.ts'

/** What tells that a neighbour is gone: of routing, and of tunnels. */
const NEWS =
  /^(\S+ \S+) [A-Z]+ +(neighbour flushed|neighbour changed(?= .*cause="no answer")|tunnel down|client down) .*?(?:cause|reason)=("[^"]*"|\S+)/

/** How nodes noticed that something is wrong after `faultMs` (of the wall clock): from their logs, the first of each. */
export function howNoticed(witnesses: readonly Re6stNode[], faultMs: number): string {
  return witnesses
    .map((node) => {
      const news = node.logLines().flatMap((line) => {
        const [, when = '', what = '', cause = ''] = NEWS.exec(line) ?? []
        const afterMs = Date.parse(`${when.replace(' ', 'T')}Z`) - faultMs
        return afterMs >= 0
          ? [`${what}: ${cause.replaceAll('"', '')} after ${(afterMs / 1000).toFixed(2)} s`]
          : []
      })
      return `${node.name}: ${news[0] ?? 'nothing'}`
    })
    .join('; ')
}
