import { chdir } from 'node:process'
import { diagnose, type Facts, type NodeFacts } from '../../core/doctor/diagnosis.ts'
import { readIdentityFacts } from '../../core/doctor/identity.ts'
import { AS_ROOT, messageOf, Re6stError } from '../../core/errors.ts'
import type { Verdict } from '../../core/firewall/judgement.ts'
import type { NodeFileOptions } from '../../core/options/node-file-command.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { systemClock } from '../../platform/clock.ts'
import { systemProcesses } from '../../platform/processes.ts'
import { checkKernel } from '../firewall/kernel-check.ts'
import { findSurroundings, type SurroundingsOptions } from '../firewall/surroundings.ts'
import type { Look } from '../tables.ts'
import { connectionProfiles, directoryFacts, identityFacts, usedInterfaces } from './files.ts'
import { machineFacts } from './machine.ts'
import { type FoundNode, findNode, nodeFacts } from './node.ts'
import { takenPorts } from './ports.ts'
import { askRegistry, disownedFrom, whyDisowned } from './registry.ts'
import { diagnosisText } from './report.ts'

/**
 * Runs `re6st doctor`: examines this machine, its node and its network, and prints what is wrong.
 * @returns 0: nothing is; 1: something is
 * @throws Re6stError when it cannot look at all
 */
export async function runDoctor(
  { node, directory, json }: NodeFileOptions & { readonly json: boolean },
  look: Look,
): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new Re6stError('SYSTEM', `the key and the kernel are for root alone to look at: ${AS_ROOT}`)
  if (directory !== undefined) chdir(directory)
  const diagnosis = diagnose(await gatherFacts({ node, directory: undefined, registryFile: undefined }))
  const healthy = diagnosis.findings.length === 0
  process.stdout.write(
    `${json ? JSON.stringify({ healthy, ...diagnosis }, undefined, 2) : diagnosisText(diagnosis, look)}\n`,
  )
  return healthy ? 0 : 1
}

async function gatherFacts(where: SurroundingsOptions): Promise<Facts> {
  const { node: options } = where
  const notExamined: string[] = []
  const [found, identity, { aheadMs, ...registry }, directories, profiles] = await Promise.all([
    findNode(options),
    identityFacts(options),
    askRegistry(options.registry),
    directoryFacts(options),
    connectionProfiles(),
  ])
  const read = readIdentityFacts(identity)
  const isRunning = found.kind === 'running'
  const status = isRunning ? found.replies.status : undefined
  if (!isRunning)
    notExamined.push('tunnels, neighbours, and whether others can connect: the node does not run')
  const node = nodeOf(options, found, notExamined)
  const [machine, filters, disowned] = await Promise.all([
    machineFacts(options, {
      isRunning,
      sourceSpecificRoutes: status?.sourceSpecificRoutes,
      // A node of another version may not say it.
      carriesIpv4: typeof status?.configuration.ipv4 === 'string',
    }),
    filtersOf(where, found, node, notExamined),
    whyDisowned(status, async () =>
      registry.answer.ok ? await disownedFrom(options.registry, read) : undefined,
    ),
  ])
  const { authority, certificate } = read
  if (machine.sourceSpecificRoutes === undefined)
    notExamined.push('source-specific routes: they cannot be tried without the program ip and its privileges')
  return {
    identity,
    read,
    clock: {
      nowMs: Date.now(),
      registryAheadMs: aheadMs,
      certificates: [authority, certificate].flatMap((one) => (one.ok ? [one.value] : [])),
    },
    registry: { ...registry, disowned },
    machine,
    directories,
    profiles,
    interfaces: await usedInterfaces([options.mainInterface, ...options.interfaces]),
    node: await node,
    filters,
    notExamined,
  }
}

/** What the kernel does with packets, while the node asks its neighbours. */
async function filtersOf(
  where: SurroundingsOptions,
  found: FoundNode,
  meanwhile: Promise<unknown>,
  notExamined: string[],
): Promise<Verdict | undefined> {
  try {
    const { surroundings } = await findSurroundings(where, systemProcesses)
    return await checkKernel(
      surroundings,
      found.kind === 'running' ? found.replies.tunnels : [],
      async () => void (await meanwhile),
      { processes: systemProcesses, clock: systemClock },
    )
  } catch (error) {
    notExamined.push(`what the firewall of this machine drops: ${messageOf(error)}`)
    return undefined
  }
}

async function nodeOf(options: NodeOptions, found: FoundNode, notExamined: string[]): Promise<NodeFacts> {
  switch (found.kind) {
    case 'running':
      try {
        return await nodeFacts(options, found.replies, notExamined)
      } catch (error) {
        // Without `ip` and the like, the rest of the diagnosis is still worth having.
        return { kind: 'silent', reason: messageOf(error) }
      }
    case 'not-running':
      return { ...found, takenPorts: await takenPorts(options) }
    case 'silent':
      return found
  }
}
