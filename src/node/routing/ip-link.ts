import { ipJson } from '../../platform/ip-json.ts'
import type { Processes } from '../../platform/processes.ts'

/** What is read of what `ip -j addr show` prints. */
interface InterfaceAddresses {
  readonly ifname?: string
  readonly addr_info?: readonly { readonly family?: string; readonly scope?: string }[]
}

/** Sets an interface down. Its link-local address, and the kernel's routes through it, are gone then. */
export async function linkDown(processes: Processes, iface: string): Promise<void> {
  await processes.run('ip', ['link', 'set', 'dev', iface, 'down'])
}

/** Sets an interface up, with a link-local address that it has from the beginning: the kernel gives none to a tap of ours. */
export async function linkUp(processes: Processes, iface: string, address: string): Promise<void> {
  await ipBatch(processes, [`addr replace ${address}/64 dev ${iface} nodad`, `link set dev ${iface} up`])
}

/** Whether an interface is there. All are listed: asked for one that is gone, `ip` fails, as it does without memory. */
export async function isThere(processes: Processes, iface: string): Promise<boolean> {
  const all = await ipJson<InterfaceAddresses>(processes, 'link', 'show')
  return all.some(({ ifname }) => ifname === iface)
}

/**
 * Whether an interface is up, and has no link-local address all the same: somebody has taken that away. With an interface that
 * goes, its address goes a moment before: none is lacking then.
 */
export async function lacksLinkLocal(processes: Processes, iface: string): Promise<boolean> {
  const up = await ipJson<InterfaceAddresses>(processes, 'addr', 'show', 'up')
  const found = up.find(({ ifname }) => ifname === iface)
  if (found === undefined) return false
  return !found.addr_info?.some(({ family, scope }) => family === 'inet6' && scope === 'link')
}

/**
 * Makes babeld, which heeds the operational state (RFC 2863), take a link for one that is down, or up again, while the
 * kernel goes on forwarding over it: a dormant interface keeps its carrier, addresses, neighbours and routes.
 */
export async function setOperational(
  processes: Processes,
  iface: string,
  operational: boolean,
): Promise<void> {
  await processes.run('ip', ['link', 'set', 'dev', iface, 'state', operational ? 'up' : 'dormant'])
}

/** Runs commands of `ip` for IPv6, one after the other. */
export async function ipBatch(processes: Processes, commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return
  await processes.run('ip', ['-6', '-batch', '-'], { input: `${commands.join('\n')}\n` })
}
