import type { Re6stOptions } from '../core/options/re6st-options.ts'
import { askNode } from './ask.ts'
import { type Look, routesText, statusText, tunnelsText } from './tables.ts'

/**
 * Runs `re6st`: asks the node that runs here, and prints what it says.
 * @returns the exit status
 * @throws Re6stError when there is no answer
 */
export async function runRe6st({ command, controlSocket, json }: Re6stOptions): Promise<number> {
  const look: Look = { colours: process.stdout.isTTY && !process.env['NO_COLOR'], nowMs: Date.now() }
  process.stdout.write(`${await printed(command, controlSocket, json, look)}\n`)
  return 0
}

async function printed(
  command: Re6stOptions['command'],
  path: string,
  json: boolean,
  look: Look,
): Promise<string> {
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
