import type { KernelChanges } from './kernel-changes.ts'

/** What is forwarded: each family has settings of its own. */
export type Family = 'ipv4' | 'ipv6'

/** The names of all interfaces that there are. */
export const interfaceNames = async (changes: KernelChanges): Promise<readonly string[]> =>
  (await changes.show(['addr', 'show'])).map((link) => (link as { ifname: string }).ifname)

/**
 * Forwarding for all interfaces, also those to come. Setting `all` sets each of them, and so does setting it back.
 * @param lanInterfaces where packets come from that would not go back there
 */
export async function switchForwardingOn(
  changes: KernelChanges,
  family: Family,
  lanInterfaces: readonly string[],
): Promise<void> {
  const path = (name: string) => `net/${family}/conf/${name}/forwarding`
  if (family === 'ipv4') await filterPathsByInterface(changes, lanInterfaces)
  if ((await changes.read(path('all'))) !== '1') {
    for (const name of ['default', ...(await interfaceNames(changes))])
      if ((await changes.read(path(name))) === '1')
        await changes.note({ kind: 'sysctl', path: path(name), before: '1', written: '0' })
    await changes.set(path('all'), '1')
  }
  if ((await changes.read(path('default'))) !== '1') await changes.set(path('default'), '1')
}

/**
 * Packets come by other ways than they go back, which a strict filter drops (RFC 3704), and from tunnels without an
 * IPv4 address a loose one, too. What the setting for all interfaces does is left to each of those that are there.
 */
async function filterPathsByInterface(
  changes: KernelChanges,
  lanInterfaces: readonly string[],
): Promise<void> {
  const path = (name: string) => `net/ipv4/conf/${name}/rp_filter`
  const all = (await changes.read(path('all'))) ?? '0'
  for (const name of ['default', ...(await interfaceNames(changes))]) {
    const own = await changes.read(path(name))
    if (own === undefined) continue
    const effective = String(Math.max(Number(own), Number(all)))
    const wanted = effective === '1' && lanInterfaces.includes(name) ? '2' : effective
    if (wanted !== own) await changes.set(path(name), wanted)
  }
  if (all !== '0') await changes.set(path('all'), '0')
}

/** Where the kernel takes its default route from advertisements, it would lose it with forwarding, unless told. */
export async function keepRouterAdvertisements(
  changes: KernelChanges,
  lanInterfaces: readonly string[],
): Promise<void> {
  const routes = await changes.show(['-6', 'route', 'show', 'proto', 'ra'])
  const advertised = routes.map((route) => (route as { dev?: string }).dev).filter((dev) => dev !== undefined)
  for (const iface of new Set([...lanInterfaces, ...advertised])) {
    const path = `net/ipv6/conf/${iface}/accept_ra`
    if ((await changes.read(path)) === '1') await changes.set(path, '2')
  }
}
