import type { Processes } from '../../platform/processes.ts'

/** Sets a tunnel's interface down. Its link-local address, and the kernel's routes through it, are gone then. */
export async function linkDown(processes: Processes, iface: string): Promise<void> {
  await batch(processes, [`link set dev ${iface} down`])
}

/**
 * Sets it up again with the link-local address that it had: to its neighbours it is the same. The commands are for what
 * has to be there as soon as it is up.
 */
export async function linkUp(
  processes: Processes,
  iface: string,
  address: string,
  commands: readonly string[],
): Promise<void> {
  await batch(processes, [
    `addr replace ${address}/64 dev ${iface} nodad`,
    `link set dev ${iface} up`,
    ...commands,
  ])
}

async function batch(processes: Processes, commands: readonly string[]): Promise<void> {
  await processes.run('ip', ['-6', '-batch', '-'], { input: `${commands.join('\n')}\n` })
}
