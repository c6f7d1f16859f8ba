import { isIPv6 } from 'node:net'

/** What a line of `ping -n` (iputils) says: the answer of its target, or whose hop limit was reached. */
export type PingLine =
  | { readonly kind: 'answer'; readonly from: string; readonly rttMs: number }
  | { readonly kind: 'exceeded'; readonly from: string }

/** Reads a line; undefined: it says neither. */
export function parsePingLine(line: string): PingLine | undefined {
  const [, answerer = '', time = ''] = /^\d+ bytes from ([^\s]+): .*\btime=([\d.]+) ms/.exec(line) ?? []
  if (isIPv6(answerer) && Number.isFinite(Number(time)))
    return { kind: 'answer', from: answerer, rttMs: Number(time) }
  const [, router = ''] = /^From ([^\s]+?):? icmp_seq=\d+ Time exceeded/.exec(line) ?? []
  return isIPv6(router) ? { kind: 'exceeded', from: router } : undefined
}
