import type { Re6stOptions, Re6stQuery } from '../core/options/re6st-options.ts'
import { systemClock } from '../platform/clock.ts'
import { askNode } from './ask.ts'
import { waitForConnection } from './connection.ts'
import { type Look, routesText, statusText, tunnelsText } from './tables.ts'

/**
 * Runs `re6st`: asks the node that runs here, or examines this machine, and prints the result.
 * @returns the exit status
 * @throws Re6stError when there is no answer
 */
export async function runRe6st(options: Re6stOptions): Promise<number> {
  const look: Look = { colours: process.stdout.isTTY && !process.env['NO_COLOR'], nowMs: Date.now() }
  // These read a database, which nothing else here does.
  if (options.command === 'doctor') return (await import('./doctor/main.ts')).runDoctor(options, look)
  if (options.command === 'firewall') return (await import('./firewall/firewall.ts')).runFirewall(options)
  const { command, controlSocket, json, waitSeconds } = options
  if (waitSeconds > 0) await waitForConnection(controlSocket, systemClock, waitSeconds)
  process.stdout.write(`${await printed(command, controlSocket, json, look)}\n`)
  return 0
}

async function printed(command: Re6stQuery, path: string, json: boolean, look: Look): Promise<string> {
  if (json) return JSON.stringify(await askNode(path, command), undefined, 2)
  switch (command) {
    case 'status':
      return statusText(await askNode(path, 'status'), look)
    case 'tunnels':
      return tunnelsText(await askNode(path, 'tunnels'), look)
    case 'routes':
      return routesText(await askNode(path, 'routes'), look)
  }
}
