import { ipJson } from '../../platform/ip-json.ts'
import type { Processes } from '../../platform/processes.ts'
import type { OwnLink } from './packet-sender.ts'

/** What goes into our own link comes out of its other end, and from there arrives at another interface. */
export const LINK = 're6st-check0'
const OTHER_END = 're6st-check1'

/**
 * Makes the link.
 * @throws Re6stError when the kernel has no virtual Ethernet, or we may not
 */
export async function makeOwnLink(processes: Processes): Promise<OwnLink> {
  await processes.run('ip', ['link', 'add', LINK, 'type', 'veth', 'peer', 'name', OTHER_END])
  for (const name of [LINK, OTHER_END]) {
    // It is a tool, not a network: no address of its own, no router is asked.
    await processes.run('ip', ['link', 'set', 'dev', name, 'addrgenmode', 'none'])
    await processes.run('ip', ['link', 'set', 'dev', name, 'up'])
  }
  await processes.run('tc', ['qdisc', 'add', 'dev', OTHER_END, 'ingress'])
  const links = await linksHere(processes)
  const index = links.find(({ ifname }) => ifname === LINK)?.ifindex ?? 0
  const address = links.find(({ ifname }) => ifname === OTHER_END)?.address ?? ''
  return { index, address: Buffer.from(address.replaceAll(':', ''), 'hex') }
}

/** Whether an interface is still there: another one may have its name by now. */
export const isThere = async (index: number, processes: Processes): Promise<boolean> =>
  (await linksHere(processes)).some(({ ifindex }) => ifindex === index)

const linksHere = (processes: Processes) =>
  ipJson<{ ifname: string; ifindex: number; address?: string }>(processes, 'link', 'show')

/** From now on, what comes out of the link arrives at this interface, as if from its wire. */
export async function redirectTo(iface: string, processes: Processes): Promise<void> {
  await processes.run('tc', ['filter', 'del', 'dev', OTHER_END, 'parent', 'ffff:'])
  await processes.run('tc', [
    ...['filter', 'add', 'dev', OTHER_END, 'parent', 'ffff:', 'protocol', 'all', 'prio', '1'],
    ...['u32', 'match', 'u32', '0', '0', 'action', 'mirred', 'ingress', 'redirect', 'dev', iface],
  ])
}
