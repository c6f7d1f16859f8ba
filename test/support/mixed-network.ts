import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MacKey } from '../../src/core/babel/mac/keys.ts'
import { parseLinkDefaults } from '../../src/core/config/link-defaults.ts'
import type { Router, RouterKeys, RouterSettings } from '../../src/node/routing/router.ts'
import { Bird } from './bird.ts'
import { joinNamespaces, makeNamespace, type Namespace } from './namespace.ts'
import { RemoteRouter } from './remote-router.ts'
import { addressOf, makeRouter, prefixOf, SIGNAL, settingsOf } from './routing-pair.ts'

/** Routers of all kinds in one network of cables: what each has computed is known, whatever its kind. */

export type RouterKind = 're6st' | 'babeld' | 'bird'

/** Of each cable, whoever is at its end: no other cost is added. */
export const LINK_COST = 96

/** An address beyond the network, at each of the gateways. */
export const OUTSIDE = '2001:db8:ffff::1'

/** A router with its machine. */
export interface MixedNode {
  readonly number: number
  readonly kind: RouterKind
  readonly namespace: Namespace
  start(keys: RouterKeys): Promise<void>
  stop(): Promise<void>
  setKeys(keys: RouterKeys): Promise<void>
  /** Metrics of the routes that packets take, by destination: `prefix` and `source prefix`. */
  metrics(): ReadonlyMap<string, number>
}

/** A cable between two nodes, by their numbers. */
export type Cable = readonly [number, number]

interface MixedNetworkInit {
  /** Node 1 first. */
  readonly kinds: readonly RouterKind[]
  readonly cables: readonly Cable[]
  /** Numbers of the nodes that announce a default route for the network: no BIRDs. */
  readonly gateways: readonly number[]
}

/** The network; nothing runs yet. */
export class MixedNetwork implements AsyncDisposable {
  readonly nodes: readonly MixedNode[]
  readonly #cables: readonly Cable[]
  readonly #cut = new Set<Cable>()
  readonly #gateways: readonly number[]
  readonly #root = mkdtempSync(join(tmpdir(), 're6st-mixed-'))

  constructor({ kinds, cables, gateways }: MixedNetworkInit) {
    this.#cables = cables
    this.#gateways = gateways
    const namespaces = kinds.map((_, index) => machineOf(index + 1, gateways.includes(index + 1)))
    for (const [index, [one, other]] of cables.entries()) {
      const at = (number: number) => namespaces[number - 1] as Namespace
      joinNamespaces(at(one), `to${other}`, at(other), `to${one}`)
      at(one).ip(`addr add 192.0.2.${2 * index}/31 dev to${other}`)
      at(other).ip(`addr add 192.0.2.${2 * index + 1}/31 dev to${one}`)
    }
    this.nodes = kinds.map((kind, index) => {
      const number = index + 1
      const directory = join(this.#root, String(number))
      mkdirSync(directory)
      const interfaces = cables.flatMap(([one, other]) =>
        one === number ? [`to${other}`] : other === number ? [`to${one}`] : [],
      )
      const init = { number, kind, namespace: namespaces[index] as Namespace, directory, interfaces }
      return kind === 'bird' ? birdNode(init) : routerNode(init, gateways.includes(number))
    })
  }

  node(number: number): MixedNode {
    return this.nodes[number - 1] as MixedNode
  }

  /** What packets on a cable suffer: all are lost, silently, or none. */
  setCut(cable: Cable, isCut: boolean): void {
    const known = this.#cables.find((each) => each[0] === cable[0] && each[1] === cable[1])
    if (!known) throw new Error(`no cable from ${cable[0]} to ${cable[1]}`)
    if (isCut) this.#cut.add(known)
    else this.#cut.delete(known)
    for (const [here, there] of [cable, [cable[1], cable[0]]] as const) {
      const { namespace } = this.node(here)
      if (isCut) {
        namespace.run('nft', `add table inet cut${there}`)
        namespace.run(
          'nft',
          `add chain inet cut${there} arriving { type filter hook prerouting priority raw; }`,
        )
        namespace.run('nft', `add rule inet cut${there} arriving iifname to${there} drop`)
      } else namespace.run('nft', `delete table inet cut${there}`)
    }
  }

  /** The metrics that a node must have: the lengths of the shortest ways, without those that do not run. */
  expectedMetrics(from: number, stopped: readonly number[] = []): ReadonlyMap<string, number> {
    const distances = this.#distances(from, stopped)
    const expected = new Map<string, number>()
    for (const [to, distance] of distances) {
      if (to === from) continue
      expected.set(`${prefixOf(to)} ::/0`, distance * LINK_COST)
      expected.set(`10.42.${to}.0/24 0.0.0.0/0`, distance * LINK_COST)
    }
    const nearest = Math.min(...this.#gateways.map((each) => distances.get(each) ?? Number.POSITIVE_INFINITY))
    if (nearest > 0 && Number.isFinite(nearest)) expected.set('::/0 2001:db8:42::/48', nearest * LINK_COST)
    return expected
  }

  #distances(from: number, stopped: readonly number[]): ReadonlyMap<number, number> {
    const distances = new Map([[from, 0]])
    const queue = [from]
    for (const each of queue)
      for (const cable of this.#cables) {
        if (this.#cut.has(cable) || !cable.includes(each)) continue
        const other = cable[0] === each ? cable[1] : cable[0]
        if (distances.has(other) || stopped.includes(other)) continue
        distances.set(other, (distances.get(each) ?? 0) + 1)
        queue.push(other)
      }
    return distances
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    for (const { namespace } of this.nodes) namespace[Symbol.dispose]()
    rmSync(this.#root, { recursive: true })
  }
}

/** A machine with its addresses; what of its prefixes is not there is unreachable. */
function machineOf(number: number, isGateway: boolean): Namespace {
  const namespace = makeNamespace('mixed')
  for (const setting of ['ipv6.conf.all.forwarding', 'ipv4.ip_forward'])
    namespace.run('sysctl', '-qw', `net.${setting}=1`)
  namespace.ip(`addr add ${addressOf(number)}/64 dev lo`)
  namespace.ip(`addr add 10.42.${number}.1/24 dev lo`)
  namespace.ip('-6 route add unreachable 2001:db8:42::/48')
  namespace.ip(`route add unreachable 10.42.${number}.0/24 proto static`)
  if (isGateway) {
    namespace.ip(`addr add ${OUTSIDE}/128 dev lo`)
    namespace.ip('link add uplink type veth peer name uplink-end')
    namespace.ip('link set uplink up')
    namespace.ip('link set uplink-end up')
    namespace.ip('-6 route add default dev uplink')
  }
  return namespace
}

interface NodeInit {
  readonly number: number
  readonly kind: RouterKind
  readonly namespace: Namespace
  readonly directory: string
  readonly interfaces: readonly string[]
}

/** Ours, or babeld by its adapter. */
function routerNode(
  { number, kind, namespace, directory, interfaces }: NodeInit,
  isGateway: boolean,
): MixedNode {
  let router: Router | undefined
  const settings: Partial<RouterSettings> = {
    ipv4: { subnet: `10.42.${number}.0/24`, address: `10.42.${number}.1` },
    defaultRoute: isGateway ? 'announce' : 'take-for-network',
    linkDefaults: parseLinkDefaults(`rxcost ${LINK_COST} rtt-min 30000 rtt-max 60000`),
  }
  return {
    number,
    kind,
    namespace,
    async start(keys) {
      router =
        kind === 're6st' ? new RemoteRouter(namespace.processes) : makeRouter(namespace.processes, directory)
      await router.start(settingsOf(number, { ...settings, keys }), SIGNAL)
      for (const iface of interfaces) await router.addInterface(iface, 'tunnel')
    },
    async stop() {
      await router?.stop()
      router = undefined
    },
    async setKeys(keys) {
      await router?.setKeys(keys)
    },
    metrics: () =>
      new Map(
        (router?.routes ?? [])
          .filter(({ installed }) => installed)
          .map(({ prefix, from, metric }) => [`${prefix} ${from}`, metric]),
      ),
  }
}

function birdNode({ number, kind, namespace, directory, interfaces }: NodeInit): MixedNode {
  let bird: Bird | undefined
  return {
    number,
    kind,
    namespace,
    async start(keys) {
      bird = new Bird(namespace, directory, {
        routerId: `192.0.2.${200 + number}`,
        ipv6: [prefixOf(number)],
        ipv4: [`10.42.${number}.0/24`],
        interfaces,
        rxcost: LINK_COST,
        keys: macKeys(keys),
      })
      bird.start()
    },
    async stop() {
      await bird?.stop()
      bird = undefined
    },
    async setKeys(keys) {
      bird?.setKeys(macKeys(keys))
    },
    metrics: () => bird?.metrics() ?? new Map(),
  }
}

const macKeys = ({ sign, accept }: RouterKeys): readonly MacKey[] =>
  [sign, accept].flatMap((key) =>
    key instanceof Uint8Array ? [{ algorithm: 'blake2s128' as const, key }] : [],
  )
