import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { type Prefix, prefixOfSubnetName, subnetNameOf } from '../core/values/prefix.ts'
import { filterAsync } from './filter-async.ts'

/** Asks a node of the network; undefined if it does not answer. */
type Ask = (prefix: Prefix, code: number) => Promise<Buffer | undefined>

/** More tunnels than any node has. */
const MAX_TUNNELS = 2_000

/**
 * Walks the network breadth first, from the registry's node on: who has client tunnels to whom. All nodes of one
 * distance are asked at the same time. Any node may answer anything: what is no machine of the network is neither asked nor told of.
 * @returns by subnet name, the subnet names it has client tunnels to; under `""` the nodes that answered
 */
export async function walkTopology(
  ask: Ask,
  start: Prefix,
  isMember: (prefix: Prefix) => Promise<boolean>,
): Promise<Record<string, string[]>> {
  const clientsOf: Record<string, string[]> = {}
  const answered: string[] = []
  const seen = new Set<Prefix>([start])
  let level: Prefix[] = [start]
  const isMachine = async (name: string) => {
    const named = prefixOfSubnetName(name)
    return named.ok && (seen.has(named.value) || (await isMember(named.value)))
  }
  while (level.length > 0) {
    const answers = await Promise.all(
      level.map(async (prefix) => ({ prefix, answer: await ask(prefix, MESSAGE_CODE.topology) })),
    )
    level = []
    for (const { prefix, answer } of answers) {
      if (!answer) continue
      answered.push(subnetNameOf(prefix))
      const [count = '', ...words] = answer.toString('latin1').split(' ')
      const own = words.slice(0, Math.min(Number(count), MAX_TUNNELS))
      const clients = await filterAsync(own, isMachine)
      const others = await filterAsync(words.slice(own.length, MAX_TUNNELS), isMachine)
      clientsOf[subnetNameOf(prefix)] = clients
      for (const name of [...clients, ...others]) {
        const next = prefixOfSubnetName(name)
        if (!next.ok || seen.has(next.value)) continue
        seen.add(next.value)
        level.push(next.value)
      }
    }
  }
  return { ...clientsOf, '': answered }
}

/** Asks every node for its version: by prefix, `version, platform`, or null if it did not answer. */
export async function collectVersions(
  ask: Ask,
  nodes: readonly Prefix[],
): Promise<Record<string, string | null>> {
  const answers = await Promise.all(
    nodes.map(
      async (prefix) =>
        [prefix, (await ask(prefix, MESSAGE_CODE.nodeInformation))?.toString('utf8') ?? null] as const,
    ),
  )
  return Object.fromEntries(answers)
}
