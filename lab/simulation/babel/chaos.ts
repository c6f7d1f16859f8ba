import { keyOf } from '../../../src/core/babel/engine/table.ts'
import { pick, type Random } from '../../../src/core/random.ts'
import { type Router, SERVER } from './router.ts'
import type { RouterNetwork } from './router-network.ts'
import { clientIface, type Tunnel } from './tunnel.ts'

/** A destination that several originate, as gateways do the default route of a network (RFC 9079). */
export const SHARED = { prefix: '::/0', from: '2001:db8::/32' }
const COSTS = [16, 64, 96, 128, 256, 512] as const
const MAX_DELAY_MS = 120
/** A router that was killed is left by its neighbours after this. */
const NOTICED_MS = 4_000
const RESTART_MS = 3_000
/** How long an interface is down, at most. */
const DOWN_MS = 20_000
const HELLOS_MS = [1_000, 4_000, 15_000] as const

/** Lets things happen to a network at random: links and routers die and come back, costs change, halves part. */
export class Chaos {
  readonly #network: RouterNetwork
  readonly #random: Random
  readonly #events: readonly (() => void)[]

  /** @param hasFlaps whether interfaces go down and come back, too */
  constructor(network: RouterNetwork, random: Random, hasFlaps = false) {
    this.#network = network
    this.#random = random
    this.#events = [
      () => this.#cut(),
      () => this.#cut(),
      () => this.#mend(),
      () => this.#mend(),
      () => this.#changeCost(),
      () => this.#changeCost(),
      () => this.#drain(),
      () => this.#kill(),
      () => this.#restart(),
      () => this.#restart(),
      () => this.#retire(),
      () => this.#replaceTunnel(),
      () => this.#part(),
      () => this.#suspect(),
      () => this.#originate(),
      ...(hasFlaps ? [() => this.#flap(), () => this.#flap(), () => this.#changeHellos()] : []),
    ]
  }

  /** A connected network with about so many tunnels a router, all switched on. */
  build(count: number, tunnels: number): void {
    const network = this.#network
    for (let index = 0; index < count; index++) {
      const router = network.add()
      network.start(router)
      const before = pick(this.#random, network.routers.slice(0, index))
      if (before) this.#connect(router, before)
    }
    for (let more = 0; more < count * (tunnels - 1); more++)
      this.#connect(pick(this.#random, network.routers), pick(this.#random, network.routers))
  }

  /** Something happens. */
  next(): void {
    pick(this.#random, this.#events)?.()
  }

  /** All that was changed for a while is as before: what is on is connected as it is. */
  end(): void {
    const network = this.#network
    for (const router of network.routers)
      network.act(router, (engine, nowMs) => {
        engine.setCost(nowMs, SERVER, undefined, 'normal')
        for (const tunnel of network.tunnels)
          if (tunnel.client === router) engine.setCost(nowMs, clientIface(tunnel), undefined, 'normal')
      })
    for (const tunnel of [...network.tunnels])
      if (!tunnel.client.engine || !tunnel.server.engine) network.disconnect(tunnel)
      // Half of those that are cut stay so: some parts may stay apart.
      else {
        const isMended = this.#random.next() < 0.5
        tunnel.open = { up: isMended, down: isMended }
      }
  }

  #connect(client: Router | undefined, server: Router | undefined): void {
    if (!client || !server || client === server) return
    for (const tunnel of this.#network.tunnels) {
      const ends = [tunnel.client, tunnel.server]
      if (ends.includes(client) && ends.includes(server)) return
    }
    this.#network.connect(client, server, 1 + this.#random.next() * MAX_DELAY_MS)
  }

  #anyTunnel(): Tunnel | undefined {
    return pick(this.#random, [...this.#network.tunnels])
  }

  #anyRouter(isOn: boolean): Router | undefined {
    return pick(
      this.#random,
      this.#network.routers.filter(({ engine }) => (engine !== undefined) === isOn),
    )
  }

  #cut(): void {
    const tunnel = this.#anyTunnel()
    const kind = this.#random.next()
    if (tunnel) tunnel.open = { up: kind > 0.75, down: kind < 0.25 }
  }

  #mend(): void {
    const broken = [...this.#network.tunnels].filter(({ open: { up, down } }) => !up || !down)
    const tunnel = pick(this.#random, broken)
    if (tunnel) tunnel.open = { up: true, down: true }
  }

  #changeCost(): void {
    const tunnel = this.#anyTunnel()
    const rxcost = pick(this.#random, COSTS)
    if (!tunnel || rxcost === undefined) return
    if (this.#random.next() < 0.5) this.#network.setRxcost(tunnel.client, clientIface(tunnel), rxcost)
    else this.#network.setRxcost(tunnel.server, SERVER, rxcost)
  }

  #drain(): void {
    const tunnel = this.#anyTunnel()
    const level = pick(this.#random, ['normal', 'draining', 'unusable'] as const)
    if (tunnel && level)
      this.#network.act(tunnel.client, (engine, nowMs) =>
        engine.setCost(nowMs, clientIface(tunnel), undefined, level),
      )
  }

  /** Power is cut; sometimes tunnels notice, sometimes only routing does. */
  #kill(): void {
    const victim = this.#anyRouter(true)
    if (!victim) return
    this.#network.kill(victim)
    if (this.#random.next() < 0.5) return
    const tunnels = [...this.#network.tunnels].filter(
      ({ client, server }) => client === victim || server === victim,
    )
    for (const tunnel of tunnels)
      this.#network.queue.after(this.#random.next() * NOTICED_MS, () => this.#network.disconnect(tunnel))
  }

  /** One that was off begins anew; without a tunnel, it makes one. */
  #restart(): void {
    const router = this.#anyRouter(false) ?? this.#anyRouter(true)
    if (!router) return
    this.#network.kill(router)
    this.#network.queue.after(this.#random.next() * RESTART_MS, () => {
      this.#network.start(router)
      const isAlone = ![...this.#network.tunnels].some((tunnel) =>
        [tunnel.client, tunnel.server].includes(router),
      )
      if (isAlone) this.#connect(router, this.#anyRouter(true))
    })
  }

  /** A router stops as it should. */
  #retire(): void {
    const router = this.#anyRouter(true)
    if (!router) return
    this.#network.act(router, (engine, nowMs) => engine.retractAll(nowMs))
    const { engine } = router
    this.#network.queue.after(1_000, () => {
      if (router.engine === engine) this.#network.kill(router)
    })
  }

  #replaceTunnel(): void {
    const tunnel = this.#anyTunnel()
    if (!tunnel) return
    this.#network.disconnect(tunnel)
    this.#connect(tunnel.client, this.#anyRouter(true))
  }

  /** The network falls into halves, and heals a while later. */
  #part(): void {
    const isHere = new Map(this.#network.routers.map((router) => [router, this.#random.next() < 0.5]))
    const between = [...this.#network.tunnels].filter(
      ({ client, server }) => isHere.get(client) !== isHere.get(server),
    )
    for (const tunnel of between) tunnel.open = { up: false, down: false }
    this.#network.queue.after(this.#random.next() * 60_000, () => {
      for (const tunnel of between) tunnel.open = { up: true, down: true }
    })
  }

  /** The kernel has seen that nothing comes back: true or not. */
  #suspect(): void {
    const tunnel = this.#anyTunnel()
    if (tunnel)
      this.#network.act(tunnel.client, (engine, nowMs) =>
        engine.suspect(nowMs, clientIface(tunnel), tunnel.server.addressOn(SERVER)),
      )
  }

  /** An interface goes down, and comes back as it was: at once, or when its neighbours have noticed. */
  #flap(): void {
    const tunnel = this.#anyTunnel()
    if (!tunnel) return
    const isServers = this.#random.next() < 0.3
    const [router, iface] = isServers ? [tunnel.server, SERVER] : [tunnel.client, clientIface(tunnel)]
    const { engine } = router
    this.#network.down(router, iface)
    this.#network.queue.after(this.#random.next() * (this.#random.next() < 0.5 ? 50 : DOWN_MS), () => {
      if (router.engine === engine) this.#network.up(router, iface)
    })
  }

  /** Hellos of a router come oftener, or more rarely, from now on. */
  #changeHellos(): void {
    const router = this.#anyRouter(true)
    if (router) this.#network.setHelloInterval(router, pick(this.#random, HELLOS_MS) ?? 15_000)
  }

  /** A router begins or ends to be a gateway. */
  #originate(): void {
    const router = this.#anyRouter(true)
    if (!router) return
    const isGateway = router.originates(keyOf(SHARED))
    const own = router.local.filter(({ prefix }) => prefix !== SHARED.prefix)
    router.setLocal(this.#network.nowMs, isGateway ? own : [...own, { ...SHARED, metric: 0 }])
    this.#network.act(router, () => undefined)
  }
}
