import type { Lab } from '../../lab/lab.ts'
import { pidsOf } from '../../lab/process-cost.ts'
import type { Re6stNode } from '../../lab/re6st-node.ts'
import { pick, type Random } from '../../src/core/random.ts'
import type { Hop, LinkEnd } from './paths.ts'

/** Where a fault is to happen: a path that packets take. */
export interface FaultPlace {
  readonly lab: Lab
  readonly path: readonly Hop[]
  /** The machine of the registry, whom others would miss. */
  readonly spared: Re6stNode | undefined
  readonly random: Random
}

/** A fault, ready to happen. */
export interface Fault {
  /** Where, for people. */
  readonly where: string
  /** Whose logs tell how it was noticed. */
  readonly witnesses: readonly Re6stNode[]
  happen(): Promise<unknown>
  undo(): Promise<unknown>
}

/** Prepares a fault of a kind; `undefined`: this path has no place for it. */
export type PrepareFault = (place: FaultPlace) => Promise<Fault | undefined>

/** Nobody is told of these: the packets just stop. */
export const SILENT_FAULTS: Readonly<Record<string, PrepareFault>> = {
  'path cut both ways': (place) =>
    onLink(place, ({ from, to }, { lab }) => ({
      happen: () => lab.cut(from.node.machine, to.node.machine),
      undo: () => lab.restore(from.node.machine, to.node.machine),
    })),
  'path cut one way': (place) =>
    onLink(place, ({ from, to }, { lab, random }) => {
      const [sender, other] = random.next() < 0.5 ? [from, to] : [to, from]
      return {
        where: `${sender.node.name} → ${other.node.name}`,
        happen: () => lab.cutOneWay(sender.node.machine, other.node.machine),
        undo: () => lab.restore(from.node.machine, to.node.machine),
      }
    }),
  'machine on the path loses its power': (place) =>
    onNode(place, (victim) => ({
      happen: () => victim.machine.powerOff(),
      undo: () => victim.bootAndStart(),
    })),
  "OpenVPN of the tunnel's server stopped (SIGSTOP)": (place) => onOpenvpn(place, 'server', stopIt),
  "OpenVPN of the tunnel's client stopped (SIGSTOP)": (place) => onOpenvpn(place, 'client', stopIt),
}

/** The kernel resets connections, or a machine says goodbye. */
export const ANNOUNCED_FAULTS: Readonly<Record<string, PrepareFault>> = {
  "OpenVPN of the tunnel's server killed": (place) => onOpenvpn(place, 'server', killIt),
  "OpenVPN of the tunnel's client killed": (place) => onOpenvpn(place, 'client', killIt),
  'node on the path killed': (place) =>
    onNode(place, (victim) => ({
      happen: () => victim.killHard(),
      undo: async () => victim.start(),
    })),
}

type Deed = Pick<Fault, 'happen' | 'undo'> & { readonly where?: string }

async function onLink(
  place: FaultPlace,
  deedOf: (hop: Hop, place: FaultPlace) => Deed,
): Promise<Fault | undefined> {
  const hop = pick(place.random, place.path)
  if (!hop) return undefined
  const { from, to } = hop
  return {
    where: `${from.node.name} – ${to.node.name}`,
    witnesses: [from.node, to.node],
    ...deedOf(hop, place),
  }
}

async function onNode({ path, random, spared }: FaultPlace, deedOf: (victim: Re6stNode) => Deed) {
  const victim = pick(
    random,
    path
      .slice(1)
      .map(({ from }) => from.node)
      .filter((node) => node !== spared),
  )
  if (!victim) return undefined
  const witnesses = path.flatMap(({ from, to }) =>
    from.node === victim ? [to.node] : to.node === victim ? [from.node] : [],
  )
  return { where: victim.name, witnesses, ...deedOf(victim) }
}

async function onOpenvpn(
  { path, random }: FaultPlace,
  side: 'server' | 'client',
  deedOf: (pid: number) => Deed,
): Promise<Fault | undefined> {
  const hop = pick(random, path)
  if (!hop) return undefined
  const end = [hop.from, hop.to].find(({ iface }) => isServer(iface) === (side === 'server'))
  const pid = end && (await openvpnOf(end))
  if (!end || pid === undefined) return undefined
  return {
    where: `${end.iface} of ${end.node.name}, between ${hop.from.node.name} and ${hop.to.node.name}`,
    witnesses: [hop.from.node, hop.to.node],
    ...deedOf(pid),
  }
}

const isServer = (iface: string): boolean => iface.startsWith('re6stnet-')

const openvpnOf = async ({ node, iface }: LinkEnd): Promise<number | undefined> =>
  (await pidsOf(node.machine, new RegExp(`openvpn .*--dev ${iface} `)))[0]

const stopIt = (pid: number): Deed => ({
  happen: async () => process.kill(pid, 'SIGSTOP'),
  undo: async () => {
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      // The node has ended it: it did not answer.
    }
  },
})

const killIt = (pid: number): Deed => ({
  happen: async () => process.kill(pid, 'SIGKILL'),
  // The node makes another one by itself.
  undo: async () => {},
})
