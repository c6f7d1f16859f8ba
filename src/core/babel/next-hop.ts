/**
 * Whether packets can go to a next hop that a neighbour names: it is one machine, on the link, and not we. Whoever names
 * another is wrong, or wants the kernel to refuse the route.
 * @param address as it is decoded, in its canonical form
 * @param own our addresses on the link
 */
export function isNextHop(address: string, own: readonly (string | undefined)[]): boolean {
  if (own.includes(address)) return false
  if (address.includes(':')) return address !== '::' && address !== '::1' && !/^ff[^:]{2}:/.test(address)
  const first = Number.parseInt(address, 10)
  return first > 0 && first !== 127 && first < 224
}
