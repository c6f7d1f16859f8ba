import type { OutgoingTlv } from '../src/core/babel/wire/tlv.ts'

/** How many destinations each neighbour of a large network tells of. */
export const ROUTES = 10_000

/** How many neighbours tell of them. */
export const NEIGHBOURS = 20

/** Each neighbour is at another distance from each destination, all of which are in 2001:db8:42::/48. */
export function updateOf(
  route: number,
  neighbour: number,
  nextHop: string,
  intervalMs: number,
): Extract<OutgoingTlv, { kind: 'update' }> {
  // The first ones are of the routers that are measured.
  const number = (route + 0x1000).toString(16)
  return {
    kind: 'update',
    prefix: `2001:db8:42:${number}::/64`,
    from: '::/0',
    routerId: `02:00:00:00:00:00:${number.replace(/..$/, ':$&')}`,
    seqno: 1,
    metric: 96 * (1 + ((route * 7 + neighbour * 13) % 9)),
    intervalMs,
    nextHop,
  }
}
