import { isDeepStrictEqual } from 'node:util'
import type { Lab } from '../../lab/lab.ts'
import { programOf } from '../../lab/programs.ts'
import type { Re6stNode } from '../../lab/re6st-node.ts'
import { DEADLINE_MS } from './networks.ts'

/** What `re6st firewall --check --json` said. */
export interface FirewallOpinion {
  readonly status: number
  /** Rules of permissions that are missing, each with what dropped it. */
  readonly missing: readonly { readonly rule: string; readonly details: readonly string[] }[]
  /** Rules of permissions that could not be tried, with why. */
  readonly untried: readonly { readonly rule: string; readonly details: readonly string[] }[]
  readonly reversePaths: readonly { readonly iface: string; readonly by: string }[]
  /** What neighbours found. */
  readonly neighbours: readonly { readonly code: string; readonly what: string }[]
  readonly notAsked: readonly string[]
}

/** What it says of a machine where everything was tried and passes. */
const NOTHING_FOUND: FirewallOpinion = {
  ...{ status: 0, missing: [], untried: [], reversePaths: [], neighbours: [], notAsked: [] },
}

/** Waits until it finds nothing: neighbours tell also of tunnels that have failed while the network was made. */
export const findsNothing = (lab: Lab, node: Re6stNode): Promise<unknown> =>
  lab.waitFor(
    async () => {
      const found = await checkFirewall(node)
      if (isDeepStrictEqual(found, NOTHING_FOUND)) return true
      throw new Error(`it finds ${JSON.stringify(found)}`)
    },
    { what: 'the check of the firewall to find nothing', deadlineMs: 3 * DEADLINE_MS, intervalMs: 1_000 },
  )

interface Printed {
  readonly permissions: readonly {
    readonly nftables: string
    readonly state: string
    readonly details: readonly string[]
  }[]
  readonly reversePaths: FirewallOpinion['reversePaths']
  readonly neighbours: FirewallOpinion['neighbours']
  readonly notAsked: readonly string[]
}

/** The command line of `re6st firewall --check`, with the options of the node. */
export const checkCommand = (node: Re6stNode): [string, ...string[]] => [
  ...programOf('re6st'),
  ...['firewall', '--check', '--json', ...node.commandLine().slice(programOf('re6stnet').length)],
]

/** Runs it on the machine of the node. */
export async function checkFirewall(node: Re6stNode): Promise<FirewallOpinion> {
  const { end, stdout, stderr } = await node.machine.capture(...checkCommand(node))
  if (end.kind !== 'exited' || stdout === '') throw new Error(`re6st firewall says: ${stderr}`)
  const { permissions, reversePaths, neighbours, notAsked } = JSON.parse(stdout) as Printed
  const those = (wanted: string) =>
    permissions
      .filter(({ state }) => state === wanted)
      .map(({ nftables, details }) => ({ rule: nftables.replace(/ accept comment .*/, ''), details }))
  return {
    status: end.status,
    missing: those('missing'),
    untried: those('unknown'),
    reversePaths,
    neighbours,
    notAsked,
  }
}
