import { availableParallelism } from 'node:os'
import type { Lab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { PingMonitor } from '../lab/pings.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { messageOf } from '../src/core/errors.ts'
import type { Board } from './board.ts'
import type { Display, Summary } from './displays.ts'
import { directPair, machineOnAPath, reachability } from './model.ts'
import { Observer } from './observer.ts'
import type { DemoOptions } from './options.ts'
import { type PlannedMachine, REGISTRY, sitesOf } from './plan.ts'
import { enrolledText } from './text-views.ts'

/** Two cores make two RSA keys at a time. */
const ENROLLED_AT_A_TIME = 2
/** A node that joins costs a processor much more than one that is there. */
const JOINING_AT_A_TIME = 4 * availableParallelism()
/** One that does not join, for whatever reason, does not keep the others from trying. */
const JOIN_LIMIT_MS = 60_000
const PING_INTERVAL_MS = 50
/** Packets flow again when they have been flowing for this long. */
const STEADY_MS = 1_500
/** Even if nothing is lost, something broken may show a little later. */
const LEAST_WATCH_MS = 3_000
/** Times the hello interval of babeld; our own router needs no hellos. Measured is about a quarter of it; a slow machine may take longer. */
const CONVERGENCE_HELLOS = 60
const HEALING_HELLOS = 40
const SLOW_MACHINE_MS = 30_000

/** What the demo does, one step after the other. */
export class Story {
  readonly #lab: Lab
  readonly #board: Board
  readonly #display: Display
  readonly #options: DemoOptions
  readonly #nodes = new Map<string, Re6stNode>()
  readonly #observer: Observer
  #convergedSeconds: number | undefined

  constructor(lab: Lab, board: Board, display: Display, options: DemoOptions) {
    this.#lab = lab
    this.#board = board
    this.#display = display
    this.#options = options
    this.#observer = new Observer(board, this.#nodes)
  }

  /** From nothing to a network that has healed twice. Throws only when the lab's signal is aborted. */
  async tell(planned: readonly PlannedMachine[]): Promise<Summary> {
    let problem: string | undefined
    try {
      const machines = await this.#makeInternet(planned)
      await this.#enrolAll(machines)
      await this.#converge()
      await this.#killAMachine()
      await this.#cutALink()
    } catch (error) {
      this.#lab.signal?.throwIfAborted()
      problem = messageOf(error)
      this.#board.tell('bad', problem)
    }
    const { outages } = this.#board.picture
    problem ??= outages.some(({ seconds }) => seconds === undefined)
      ? 'packets did not find a way'
      : undefined
    return {
      ok: problem === undefined,
      problem,
      nodes: planned.length + 1,
      convergedSeconds: this.#convergedSeconds,
      outages,
    }
  }

  /** Those that were enrolled. */
  get nodes(): Iterable<Re6stNode> {
    return this.#nodes.values()
  }

  /** Stops looking at the nodes. */
  stop(): void {
    this.#observer.stop()
  }

  async #makeInternet(planned: readonly PlannedMachine[]): Promise<ReadonlyMap<string, Machine>> {
    this.#board.step('An Internet is made of network namespaces')
    const gateways = new Map(
      await Promise.all(sitesOf(planned).map(async (site) => [site, await this.#lab.nat(site)] as const)),
    )
    const machines = new Map<string, Machine>()
    for (const { name, site } of [{ name: REGISTRY, site: undefined }, ...planned]) {
      const lan = site === undefined ? undefined : gateways.get(site)?.lan
      const machine = await this.#lab.host(name, lan === undefined ? {} : { on: lan })
      machines.set(name, machine)
      this.#board.machine(name, { stage: 'waiting', underlay: machine.addresses.ipv4 ?? '' })
    }
    return machines
  }

  async #enrolAll(machines: ReadonlyMap<string, Machine>): Promise<void> {
    const [registryMachine, ...others] = machines.values()
    if (registryMachine === undefined) return
    this.#board.step('The registry starts')
    const network = await Re6stNetwork.create(this.#lab, {
      registryOn: registryMachine,
      helloSeconds: this.#options.hello,
      registryOptions: ['--client-count', '3', '--encrypt'],
    })
    this.#board.step(`Machines enrol at ${network.registryUrl}, each with a token that was mailed`)
    // The first certificate is that of the registry's own node.
    await this.#enrol(network, registryMachine)
    this.#observer.start()
    const waiting = [...others]
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        await this.#enrol(network, next)
    }
    await Promise.all(Array.from({ length: ENROLLED_AT_A_TIME }, worker))
  }

  /** Waits until the machine bears another node that starts. */
  async #mayStart(): Promise<void> {
    const nodes = [...this.#nodes.keys()].filter((name) => name !== REGISTRY)
    const hasJoined = (name: string) =>
      this.#board.picture.machines.some((machine) => machine.name === name && machine.routes.length > 0)
    await this.#lab
      .waitFor(() => nodes.filter((name) => !hasJoined(name)).length < JOINING_AT_A_TIME, {
        what: 'nodes to join',
        deadlineMs: JOIN_LIMIT_MS,
      })
      .catch(() => this.#lab.signal?.throwIfAborted())
  }

  async #enrol(network: Re6stNetwork, machine: Machine): Promise<void> {
    const { name } = machine
    await this.#mayStart()
    this.#board.machine(name, { stage: 'enrolling' })
    const node = await network.enrol(machine)
    const { subnetName: subnet, address } = node
    this.#board.machine(name, { stage: 'starting', subnet, address })
    this.#board.tell('machine', enrolledText(name, node))
    const onLan = this.#board.picture.machines.find((view) => view.name === name)?.site !== undefined
    node.start(
      ...['--router', this.#options.router],
      // Nobody can tell the first node its address.
      ...(name === REGISTRY ? ['--ip', machine.addresses.ipv4 ?? ''] : ['--ip', 'any']),
      // Machines behind the same NAT find each other on their LAN.
      ...(onLan ? ['--interface', 'eth0'] : []),
    )
    this.#nodes.set(name, node)
  }

  async #converge(): Promise<void> {
    const startMs = this.#board.elapsedMs
    this.#board.step(`Nodes make tunnels, and ${this.#options.router} finds the ways`)
    await this.#allPairs(CONVERGENCE_HELLOS)
    this.#convergedSeconds = (this.#board.elapsedMs - startMs) / 1000
    const { wanted } = reachability(this.#board.picture)
    this.#board.step(`All ${wanted} pairs reach each other`)
    this.#board.tell('good', `${this.#convergedSeconds.toFixed(1)} s after the start of the last node`)
    // What is shown now should be calm: first routes come and go, and pings wait while everybody is busy.
    await this.#patiently(
      () => {
        const { machines } = this.#board.picture
        return machines.every(({ routes }) => routes.length >= machines.length - 1)
      },
      { what: 'routes that all nodes agree on', hellos: CONVERGENCE_HELLOS },
    )
    for (const round of ['running', 'new']) {
      const { roundTrips } = this.#board.picture
      await this.#lab.waitFor(() => this.#board.picture.roundTrips !== roundTrips, {
        what: `the end of the ${round} round of pings`,
        deadlineMs: SLOW_MACHINE_MS,
      })
    }
    await this.#allPairs(CONVERGENCE_HELLOS)
    this.#display.converged()
  }

  async #killAMachine(): Promise<void> {
    const victim = machineOnAPath(this.#board.picture)
    if (victim === undefined) {
      this.#board.tell('machine', 'Every pair is connected directly: no machine is on the way of others')
      return
    }
    const { from, via, to } = victim
    this.#board.step(`${via} carries the packets from ${from} to ${to}: its power is cut`)
    const seconds = await this.#outage(`${via} killed`, from, to, async () => {
      await this.#node(via).machine.powerOff()
      this.#board.machine(via, { stage: 'killed', tunnels: [], routes: [] })
    })
    this.#board.tell('good', `Packets from ${from} to ${to} go around after ${seconds.toFixed(2)} s`)
    this.#board.step(`${via} is switched on again`)
    const beforeMs = this.#board.elapsedMs
    await this.#node(via).bootAndStart()
    this.#board.machine(via, { stage: 'starting' })
    await this.#allPairs(CONVERGENCE_HELLOS)
    this.#board.tell(
      'good',
      `${via} is back after ${((this.#board.elapsedMs - beforeMs) / 1000).toFixed(1)} s`,
    )
  }

  async #cutALink(): Promise<void> {
    const pair = directPair(this.#board.picture)
    if (pair === undefined) return
    const { from, to } = pair
    this.#board.step(`${from} and ${to} have a tunnel: the Internet between them is cut, both ways`)
    const seconds = await this.#outage(`${from} and ${to} cut`, from, to, async () => {
      await this.#lab.cut(this.#node(from).machine, this.#node(to).machine)
      this.#board.cuts([[from, to]])
    })
    this.#board.tell('good', `Packets from ${from} to ${to} go around after ${seconds.toFixed(2)} s`)
    this.#board.step(`All pairs reach each other, though ${from} and ${to} cannot directly`)
    await this.#allPairs(HEALING_HELLOS)
  }

  /** Breaks something while packets flow from one to the other. @returns seconds without packets */
  async #outage(what: string, from: string, to: string, breakIt: () => Promise<void>): Promise<number> {
    const monitor = new PingMonitor(this.#node(from).machine, this.#node(to).address, PING_INTERVAL_MS)
    try {
      await this.#lab.waitFor(() => monitor.steadyMs > 500, {
        what: `packets from ${from} to ${to}`,
        deadlineMs: SLOW_MACHINE_MS,
      })
      monitor.reset()
      const brokenMs = performance.now()
      await breakIt()
      this.#board.outage({ what, from, to, seconds: undefined })
      await this.#lab.waitFor(
        () => performance.now() - brokenMs > LEAST_WATCH_MS && monitor.steadyMs > STEADY_MS,
        { what: `packets from ${from} to ${to} to flow again`, deadlineMs: this.#deadline(HEALING_HELLOS) },
      )
      const seconds = monitor.series.longestGapMs / 1000
      this.#board.outage({ what, from, to, seconds })
      return seconds
    } finally {
      await monitor.stop()
    }
  }

  async #allPairs(hellos: number): Promise<void> {
    await this.#patiently(
      () => {
        const { machines } = this.#board.picture
        const { answered, wanted } = reachability(this.#board.picture)
        const asleep = machines.filter(({ stage }) => stage !== 'running')
        if (asleep.length > 0) throw new Error(`${asleep.map(({ name }) => name).join(', ')} does not run`)
        if (answered < wanted) throw new Error(`${wanted - answered} pairs are missing`)
        return true
      },
      { what: 'all pairs to reach each other', hellos },
    )
  }

  /** Waits for a condition of the whole network: a large one on a small machine takes long, and is waited for as long as it grows. */
  async #patiently(
    condition: () => boolean,
    { what, hellos }: { readonly what: string; readonly hellos: number },
  ): Promise<void> {
    const progress = () => {
      const { machines } = this.#board.picture
      const routes = machines.reduce((sum, machine) => sum + machine.routes.length, 0)
      return routes + reachability(this.#board.picture).answered
    }
    let best = progress()
    for (;;)
      try {
        await this.#lab.waitFor(condition, { what, deadlineMs: this.#deadline(hellos) })
        return
      } catch (error) {
        this.#lab.signal?.throwIfAborted()
        const now = progress()
        if (now <= best) throw error
        best = now
      }
  }

  #deadline(hellos: number): number {
    const { router, hello } = this.#options
    return hellos * (router === 'babeld' ? hello : 1) * 1000 + SLOW_MACHINE_MS
  }

  #node(name: string): Re6stNode {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`${name} has no node`)
    return node
  }
}
