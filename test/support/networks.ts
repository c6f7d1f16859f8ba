import { type Lab, withLab } from '../../lab/lab.ts'
import type { Machine } from '../../lab/machine.ts'
import { pingFrom } from '../../lab/pings.ts'
import { programOf } from '../../lab/programs.ts'
import { type NetworkOptions, Re6stNetwork } from '../../lab/re6st-network.ts'
import type { Re6stNode } from '../../lab/re6st-node.ts'
import type { ControlReplies, StatusReply, TunnelReply } from '../../src/core/control/replies.ts'
import type { EventReply } from '../../src/core/control/routing-replies.ts'
import { controlSocketIn } from '../../src/core/options/node-options.ts'
import { askNode } from '../../src/ctl/ask.ts'

/** What is left by a node that stopped, and should be: logs, and what makes the next start a fast one. */
export const isMeantToStay = (line: string): boolean =>
  /^files: \+ (lib|log|run|lib\/(cache\.db|babeld\.state)|log\/(babeld|re6stnet)\.log)$/.test(line)

/** Long enough for a machine that runs other tests beside this one. */
export const DEADLINE_MS = 60_000

/** A network on public addresses whose nodes all ping each other, and the lab it is in. */
export interface TestNetwork {
  readonly lab: Lab
  readonly network: Re6stNetwork
  /** The registry's own node first. */
  readonly nodes: readonly [Re6stNode, ...Re6stNode[]]
}

/** What a test wants of its network. */
export interface TestNetworkOptions extends Omit<NetworkOptions, 'registryOn'> {
  /** Besides the registry's own node. */
  readonly nodeCount: number
  /** More options of each node. */
  readonly nodeOptions?: readonly string[]
  /** How long it may take until all nodes ping each other: longer with long hello intervals. */
  readonly formedWithinMs?: number
  /** Where the machines are; on the Internet with both IP versions by default. */
  readonly hosts?: (lab: Lab) => Promise<readonly Machine[]>
}

/**
 * Options of a network whose tunnels stay, also where the machine has more to do: a peer is silent for longer before it is
 * given up, and tried again soon if it was. Its nodes say all their addresses.
 */
export const CALM = {
  helloSeconds: 4,
  registryOptions: ['--tunnel-refresh', '10'],
  nodeOptions: ['--ip', 'any'],
  formedWithinMs: 2 * DEADLINE_MS,
} as const

/** Runs a scenario in a network of its own. What every daemon logged is printed if it fails. */
export function withNetwork(
  name: string,
  { nodeCount, nodeOptions = [], hosts, formedWithinMs = DEADLINE_MS, ...options }: TestNetworkOptions,
  scenario: (network: TestNetwork) => Promise<void>,
): Promise<void> {
  return withLab({ name }, async (lab) => {
    const registryOn = await lab.host('registry')
    const machines = hosts
      ? await hosts(lab)
      : await Promise.all(Array.from({ length: nodeCount }, (_, index) => lab.host(`n${index + 1}`)))
    const network = await Re6stNetwork.create(lab, { registryOn, ...options })
    const own = await network.join(registryOn, { nodeOptions })
    const others: Re6stNode[] = []
    for (const machine of machines) others.push(await network.join(machine, { nodeOptions }))
    await network.allPairsPing({ deadlineMs: formedWithinMs })
    await scenario({ lab, network, nodes: [own, ...others] })
  })
}

/** The node that packets from one node to another go to first. Undefined: there is no way, or it cannot be told. */
export async function nextHop(
  from: Re6stNode,
  to: Re6stNode,
  nodes: readonly Re6stNode[],
): Promise<Re6stNode | undefined> {
  const [route] = await from.machine.ip('-6', 'route', 'get', to.address)
  const gateway = route?.['gateway']
  for (const node of nodes) {
    const interfaces = node.machine.running ? await node.machine.ip('-6', 'addr', 'show') : []
    const addresses = interfaces.flatMap(({ addr_info: info }) =>
      (info as { local?: string }[]).map(({ local }) => local),
    )
    if (gateway !== undefined && addresses.includes(gateway as string)) return node
  }
  return undefined
}

/** Packets to the network arrive on the Internet at the gateway: its provider has given it the prefix. */
export const routeTo = (lab: Lab, network: Re6stNetwork, gateway: Machine) =>
  lab.internet.router.run(
    ...(['ip', '-6', 'route', 'add', network.networkCidr, 'via', gateway.addresses.ipv6 ?? ''] as const),
    ...['dev', gateway.cable?.routerPort ?? ''],
  )

/** The provider of a machine on the Internet gives it another IPv4 address. */
export async function renumber(lab: Lab, machine: Machine, address: string): Promise<void> {
  const port = machine.cable?.routerPort ?? ''
  const { ipv4 = '' } = machine.addresses
  await lab.internet.router.run('ip', 'route', 'add', `${address}/32`, 'dev', port)
  await machine.run('ip', 'addr', 'add', `${address}/32`, 'dev', 'eth0')
  await machine.run('ip', 'addr', 'del', `${ipv4}/32`, 'dev', 'eth0')
  await lab.internet.router.run('ip', 'route', 'del', `${ipv4}/32`)
}

/** What the node says of itself: `re6st status`. */
export const statusOf = (node: Re6stNode): Promise<StatusReply> => ask(node, 'status')

/** Its tunnels that are up, in both directions: `re6st tunnels`. */
export const tunnelsOf = async (node: Re6stNode): Promise<readonly TunnelReply[]> =>
  (await ask(node, 'tunnels')).filter(({ state }) => state === 'up')

/** What happened to a node after an event, the oldest first: `re6st events`. */
export const eventsOf = async (node: Re6stNode, after = 0): Promise<readonly EventReply[]> =>
  (await ask(node, 'events')).events.filter(({ number }) => number > after)

/** Waits until a node has heard of what was changed in the network. @param before the version that it had */
export const hearsNews = (lab: Lab, node: Re6stNode, before: string): Promise<unknown> =>
  lab.waitFor(async () => (await statusOf(node)).configuration.version !== before, {
    what: `${node.name} to hear of the change of the network`,
    deadlineMs: DEADLINE_MS,
  })

/** The version of the network that a node has. */
export const versionOf = async (node: Re6stNode): Promise<string> =>
  (await statusOf(node)).configuration.version

/** As `re6st` asks, without a process for each question: scenarios ask often. */
async function ask<Request extends 'status' | 'tunnels' | 'events'>(
  node: Re6stNode,
  request: Request,
): Promise<ControlReplies[Request]> {
  if (node.under.length === 0) return askNode(controlSocketIn(node.runDirectory), request)
  // Only programs that see its disk find its socket.
  const command = [...programOf('re6st'), request, '--json', '--run', node.runDirectory]
  const { stdout } = await node.machine.run('env', ...node.under, ...command)
  return JSON.parse(stdout) as ControlReplies[Request]
}

/** Waits until an address answers a machine; its packets have this source, if one is given. */
export const pings = (lab: Lab, from: Machine, to: string, source?: string): Promise<unknown> =>
  lab.waitFor(
    async () =>
      source === undefined
        ? (await pingFrom(from, [to])).get(to) !== undefined
        : isSuccess(await from.capture('ping', '-c1', '-W1', '-I', source, to)),
    { what: `${to} to answer ${from.name}${source ? ` (${source})` : ''}`, deadlineMs: DEADLINE_MS },
  )

const isSuccess = ({ end }: Awaited<ReturnType<Machine['capture']>>): boolean =>
  end.kind === 'exited' && end.status === 0
