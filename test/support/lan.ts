import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../../lab/wait-for.ts'
import type { Router } from '../../src/node/routing/router.ts'
import type { RunningProcess } from '../../src/platform/processes.ts'
import { joinNamespaces, makeNamespace, type Namespace } from './namespace.ts'
import { RemoteRouter } from './remote-router.ts'
import { addressOf, makeRouter, SIGNAL, settingsOf } from './routing-pair.ts'

const DEADLINE_MS = 60_000
const PING_MS = 10

/** A machine on a LAN, and on a cable of its own to the next one: the second way. */
export interface LanNode {
  readonly number: number
  readonly namespace: Namespace
  readonly router: Router
}

interface LanInit {
  /** Node 1 first. */
  readonly kinds: readonly ('re6st' | 'babeld')[]
  readonly helloIntervalMs: number
}

/**
 * Machines that are joined by a switch, `eth0` at each, and each with the next one by a cable, as a tunnel (`next` and `before`):
 *
 *     1 ──── 2 ──── 3      cables
 *     └──────┼──────┘      switch
 */
export class LanNetwork implements AsyncDisposable {
  readonly nodes: readonly LanNode[]
  readonly #init: LanInit
  readonly #switch = makeNamespace('switch')
  readonly #root = mkdtempSync(join(tmpdir(), 're6st-lan-'))

  constructor(init: LanInit) {
    this.#init = init
    this.#switch.ip('link add name lan type bridge mcast_snooping 0')
    this.#switch.ip('link set lan up')
    this.nodes = init.kinds.map((kind, index) => this.#machine(index + 1, kind))
    for (const [index, { namespace }] of this.nodes.entries()) {
      const next = this.nodes[index + 1]
      if (next) joinNamespaces(namespace, 'next', next.namespace, 'before')
    }
  }

  #machine(number: number, kind: 're6st' | 'babeld'): LanNode {
    const namespace = makeNamespace('lan')
    namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    namespace.ip(`addr add ${addressOf(number)}/64 dev lo`)
    namespace.ip('-6 route add unreachable 2001:db8:42::/48')
    joinNamespaces(namespace, 'eth0', this.#switch, `port${number}`)
    this.#switch.ip(`link set port${number} master lan`)
    // What Babel says to one neighbour, and to all.
    for (const line of [
      'add table inet said',
      'add chain inet said leaving { type filter hook output priority 0; }',
      'add rule inet said leaving oifname eth0 udp dport 6696 ip6 daddr fe80::/10 counter comment "one"',
      'add rule inet said leaving oifname eth0 udp dport 6696 ip6 daddr ff02::1:6 counter comment "all"',
    ])
      namespace.run('nft', line)
    const directory = join(this.#root, String(number))
    mkdirSync(directory)
    const router =
      kind === 're6st' ? new RemoteRouter(namespace.processes) : makeRouter(namespace.processes, directory)
    return { number, namespace, router }
  }

  node(number: number): LanNode {
    return this.nodes[number - 1] as LanNode
  }

  /** Starts all; returns when the first has a way to the second over the LAN, and one over the cable. */
  async start(): Promise<void> {
    for (const { number, router, namespace } of this.nodes) {
      const { helloIntervalMs } = this.#init
      await router.start(settingsOf(number, { helloIntervalMs }), SIGNAL)
      await router.addInterface('eth0', 'lan')
      for (const iface of ['next', 'before'])
        if (namespace.ip('-br link').includes(iface)) await router.addInterface(iface, 'tunnel')
    }
    await this.isOverLan()
  }

  /** Waits until packets from the first to the second go over the LAN, and could go over the cable. */
  async isOverLan(): Promise<void> {
    const { router, namespace } = this.node(1)
    const to = addressOf(2)
    await waitFor(
      () =>
        namespace.ip(`-6 route get ${to}`).includes('dev eth0') &&
        router.routes.some(({ prefix, iface }) => iface === 'next' && prefix.startsWith('2001:db8:42:2:')),
      { what: 'both ways', deadlineMs: DEADLINE_MS },
    )
  }

  /** Whether the switch passes anything to and from a machine, which does not notice. */
  setConnected(number: number, isConnected: boolean): void {
    this.#switch.run('bridge', 'link', 'set', 'dev', `port${number}`, 'state', isConnected ? '3' : '0')
  }

  /** How many packets of Babel a machine has sent on the LAN, to one neighbour, and to all. */
  said(number: number): { readonly one: number; readonly all: number } {
    const rules = this.node(number).namespace.run('nft', 'list', 'chain', 'inet', 'said', 'leaving')
    const packets = (what: string) => Number(new RegExp(`packets (\\d+) .*"${what}"`).exec(rules)?.[1])
    return { one: packets('one'), all: packets('all') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(({ router }) => router.stop()))
    for (const { namespace } of [...this.nodes, { namespace: this.#switch }]) namespace[Symbol.dispose]()
    rmSync(this.#root, { recursive: true })
  }
}

/** A ping each 10 ms, and when its answers came. */
export class FastPing {
  readonly #ping: RunningProcess
  readonly #answered: { readonly number: number; readonly atMs: number }[] = []

  constructor({ namespace }: Pick<LanNode, 'namespace'>, to: number) {
    const period = String(PING_MS / 1_000)
    this.#ping = namespace.processes.start('ping', ['-n', '-i', period, addressOf(to)], {
      dieWithParent: true,
      onLine: (line) => {
        const number = /icmp_seq=(\d+) ttl/.exec(line)?.[1]
        if (number !== undefined) this.#answered.push({ number: Number(number), atMs: performance.now() })
      },
    })
  }

  /** How many were answered. */
  get answered(): number {
    return this.#answered.length
  }

  /** Waits for so many answers more. */
  async more(answers: number): Promise<void> {
    const until = this.answered + answers
    await waitFor(() => this.answered >= until, { what: 'answers to a ping', deadlineMs: DEADLINE_MS })
  }

  /** How long no packet was answered that was sent after this was begun, in what `happens`; it waits for an answer to a later one. */
  async outageMs(happens: () => void): Promise<number> {
    await this.more(1)
    happens()
    const before = this.#answered.at(-1)?.number ?? 0
    // Some were answered and not read when it happened.
    const isHealed = () => this.#longestGapSince(before) > 1 && this.#hasAnsweredSinceGap(before)
    await waitFor(isHealed, { what: 'an answer after a pause', deadlineMs: DEADLINE_MS, intervalMs: 10 })
    return this.#longestGapSince(before) * PING_MS
  }

  #longestGapSince(number: number): number {
    let longest = 0
    for (const [at, answer] of this.#answered.entries()) {
      const before = this.#answered[at - 1]
      if (before && answer.number > number) longest = Math.max(longest, answer.number - before.number)
    }
    return longest
  }

  #hasAnsweredSinceGap(number: number): boolean {
    const last = this.#answered.slice(-10)
    return last.length === 10 && (last.at(0)?.number ?? 0) > number && isWithoutGap(last)
  }

  async stop(): Promise<void> {
    this.#ping.signal('SIGINT')
    await this.#ping.ended
  }
}

const isWithoutGap = (answers: readonly { readonly number: number }[]): boolean =>
  answers.every(({ number }, at) => at === 0 || number <= (answers[at - 1]?.number ?? 0) + 1)
