import type { Processes } from '../../platform/processes.ts'

/** Sets an interface down. Its link-local address, and the kernel's routes through it, are gone then. */
export async function linkDown(processes: Processes, iface: string): Promise<void> {
  await processes.run('ip', ['link', 'set', 'dev', iface, 'down'])
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
