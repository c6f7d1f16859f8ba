import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Lab } from '../../lab/lab.ts'
import type { Machine } from '../../lab/machine.ts'
import { programOf } from '../../lab/programs.ts'
import type { Re6stNode } from '../../lab/re6st-node.ts'
import type { Finding, FindingCode } from '../../src/core/doctor/finding.ts'
import { DEADLINE_MS } from './networks.ts'

/** How the doctor is called. */
export interface Consultation {
  /** More options of the node. */
  readonly options?: readonly string[]
  /** Shell commands before it, which change what it alone sees: it has mounts of its own. */
  readonly before?: readonly string[]
  /** Programs that call it, e.g. `faketime`. */
  readonly under?: readonly string[]
  /** What it may find as well, as that comes of the rest after a while. */
  readonly perhaps?: readonly FindingCode[]
}

/** What `re6st doctor --json` said. */
export interface Opinion {
  readonly status: number
  /** Codes of the findings, sorted. */
  readonly codes: readonly FindingCode[]
  readonly findings: readonly Finding[]
  readonly notExamined: readonly string[]
}

/** Runs `re6st doctor` on the machine of a node, with the node's options. */
export async function consult(
  node: Re6stNode,
  { options = [], before = [], under = [] }: Consultation = {},
): Promise<Opinion> {
  const nodeOptions = node.commandLine().slice(programOf('re6stnet').length)
  const command = [...under, ...programOf('re6st'), 'doctor', '--json', ...nodeOptions, ...options]
  const script = ['set -e', ...before, 'exec "$@"'].join('\n')
  const { end, stdout, stderr } = await node.machine.capture(
    ...(['unshare', '--mount', 'sh', '-c', script, 'sh', ...command] as const),
  )
  if (end.kind !== 'exited' || stdout === '') throw new Error(`re6st doctor says: ${stderr}`)
  const { healthy, findings, notExamined } = JSON.parse(stdout) as Omit<Opinion, 'status' | 'codes'> & {
    readonly healthy: boolean
  }
  if (healthy !== (end.status === 0)) throw new Error(`status ${end.status}, but healthy is ${healthy}`)
  return { status: end.status, codes: findings.map(({ code }) => code).sort(), findings, notExamined }
}

/** Waits until the doctor finds exactly this. */
export async function finds(
  lab: Lab,
  node: Re6stNode,
  codes: readonly FindingCode[],
  how: Consultation = {},
): Promise<Opinion> {
  return await lab.waitFor(
    async () => {
      const opinion = await consult(node, how)
      const found = opinion.codes.filter((code) => !how.perhaps?.includes(code))
      if (found.join() === [...codes].sort().join()) return opinion
      throw new Error(`it finds ${JSON.stringify(opinion.findings)}`)
    },
    { what: `the doctor to find [${codes.join(', ')}] on ${node.name}`, deadlineMs: 2 * DEADLINE_MS },
  )
}

/** Loads firewall rules on a machine, beside those of the lab, until disposed of. */
export async function withRules(machine: Machine, ...chains: string[]): Promise<AsyncDisposable> {
  await machine.run('nft', `table inet trouble {\n${chains.join('\n')}\n}`)
  return {
    [Symbol.asyncDispose]: async () => void (await machine.run('nft', 'delete table inet trouble')),
  }
}

/**
 * A directory for PATH with these programs of the machine, and some that are scripts.
 * @param programs where each program is, or the text of a script
 */
export function pathWith(directory: string, programs: Readonly<Record<string, string>>): string {
  mkdirSync(directory, { recursive: true })
  const made = mkdtempSync(path.join(directory, 'bin-'))
  for (const [name, what] of Object.entries(programs))
    if (what.startsWith('/')) symlinkSync(what, path.join(made, name))
    else writeFileSync(path.join(made, name), `#!/bin/sh\n${what}\n`, { mode: 0o755 })
  return made
}
