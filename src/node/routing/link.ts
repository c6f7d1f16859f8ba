import type { Processes } from '../../platform/processes.ts'

/** Sets an interface down. Its link-local address, and the kernel's routes through it, are gone then. */
export async function linkDown(processes: Processes, iface: string): Promise<void> {
  await processes.run('ip', ['link', 'set', 'dev', iface, 'down'])
}

/** Sets an interface up: the kernel gives it a link-local address. */
export async function linkUp(processes: Processes, iface: string): Promise<void> {
  await processes.run('ip', ['link', 'set', 'dev', iface, 'up'])
}

/** Whether an interface is up, and has no link-local address all the same: somebody has taken that away. */
export async function lacksLinkLocal(processes: Processes, iface: string): Promise<boolean> {
  const { stdout: link } = await processes.run('ip', ['-o', 'link', 'show', 'dev', iface, 'up'])
  if (link === '') return false
  const addresses = ['-6', '-o', 'addr', 'show', 'dev', iface, 'scope', 'link']
  return (await processes.run('ip', addresses)).stdout === ''
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
