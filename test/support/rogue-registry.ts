import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Machine } from '../../lab/machine.ts'
import { DEADLINE_MS } from './networks.ts'
import type { RogueBehaviour, RogueOrder } from './rogue-registry-process.ts'

/** What a machine takes for its registry, and what may do as it likes with the answers of the real one. */
export interface RogueRegistry {
  /** For `--registry`. */
  readonly url: string
  /** Requests that came so far. */
  readonly requests: readonly string[]
  /** From now on; it is good at first. */
  behave(behaviour: RogueBehaviour): void
}

const PROGRAM = fileURLToPath(new URL('rogue-registry-process.ts', import.meta.url))
const PORT = 8080

/** Starts one on a machine. @param keyFile the key of the node that asks it */
export async function rogueRegistry(
  machine: Machine,
  registryUrl: string,
  keyFile: string,
): Promise<RogueRegistry> {
  const requests: string[] = []
  const behaviourFile = path.join(machine.directory, 'behaviour')
  const behave = (behaviour: RogueBehaviour) => {
    // At once: nobody reads an empty file.
    writeFileSync(`${behaviourFile}.new`, behaviour)
    renameSync(`${behaviourFile}.new`, behaviourFile)
  }
  behave('good')
  const order: RogueOrder = { port: PORT, registryUrl, behaviourFile, keyFile }
  const started = machine.start([process.execPath, '--import', 'tsx', PROGRAM, JSON.stringify(order)], {
    name: 'rogue registry',
    directory: process.cwd(),
    onLine: (line) => {
      if (line.includes(' /')) requests.push(line)
    },
  })
  await started.line(/^listening$/, DEADLINE_MS)
  return { url: `http://127.0.0.1:${PORT}/`, requests, behave }
}
