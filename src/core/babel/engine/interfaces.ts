import type { Destination } from '../wire/tlv.ts'
import { Interface } from './model.ts'
import { defaultParameters } from './parameters.ts'
import type { Parts } from './parts.ts'
import type { InterfaceState, LinkParameters } from './ports.ts'
import type { World } from './world.ts'

/** The interface table (RFC 8966, 3.2.3), and what was said of interfaces that are not there yet, by their names. */
export class Interfaces {
  readonly #world: World & { readonly interfaces: Map<string, Interface> }
  readonly #parts: Parts
  readonly #parameters = new Map<string, LinkParameters>()
  readonly #expected = new Map<string, readonly Destination[]>()

  constructor(world: World & { readonly interfaces: Map<string, Interface> }, parts: Parts) {
    this.#world = world
    this.#parts = parts
  }

  /** One can send. */
  up(nowMs: number, state: InterfaceState): void {
    this.down(nowMs, state.name)
    const { levels, sources, hellos, updates, acquisition } = this.#parts
    const parameters = this.#parameters.get(state.name) ?? defaultParameters(state.kind)
    sources.promising(parameters.updateIntervalMs)
    const helloSeqno = Math.floor(this.#world.random.next() * 0x10000)
    const iface = new Interface(state, parameters, levels, helloSeqno)
    iface.expected = this.#expected.get(state.name) ?? []
    this.#world.interfaces.set(state.name, iface)
    if (this.#world.isRetracting) return
    hellos.start(iface)
    updates.start(nowMs, iface)
    acquisition.begin(nowMs, iface)
  }

  /** One cannot send any more, for now. */
  down(nowMs: number, name: string): void {
    const iface = this.#world.interfaces.get(name)
    if (iface === undefined) return
    const { hellos, updates, acquisition, neighbours, liveness, usedLans } = this.#parts
    hellos.stop(iface)
    updates.stop(iface)
    acquisition.end(iface)
    // Nothing is sent to it any more.
    this.#world.interfaces.delete(name)
    neighbours.forgetAll(nowMs, [...iface.neighbours.values()], 'interface down')
    liveness.forgetInterface(iface)
    usedLans.forgetInterface(iface)
  }

  /** One is gone, and with it all that was said of its name. */
  remove(nowMs: number, name: string): void {
    this.#parts.levels.forgetInterface(name)
    this.#expected.delete(name)
    this.down(nowMs, name)
  }

  /** Neighbours are told at once where to send IPv4 packets to. */
  setIpv4Address(nowMs: number, name: string, address: string | undefined): void {
    const iface = this.#world.interfaces.get(name)
    if (iface === undefined || iface.ipv4Address === address) return
    iface.ipv4Address = address
    for (const entry of this.#world.table.reachable)
      if (!entry.prefix.includes(':')) this.#parts.updates.tellAgain(nowMs, entry)
  }

  /** At once, if it is up. */
  setParameters(nowMs: number, name: string, parameters: LinkParameters): void {
    this.#parameters.set(name, parameters)
    const iface = this.#world.interfaces.get(name)
    if (iface === undefined) return
    this.#parts.sources.promising(parameters.updateIntervalMs)
    iface.parameters = parameters
    this.#parts.updates.reschedule(nowMs, iface)
    this.#parts.costs.wereSet(nowMs, iface)
  }

  /** What new neighbours on it are asked for by name. */
  expect(name: string, destinations: readonly Destination[]): void {
    this.#expected.set(name, destinations)
    const iface = this.#world.interfaces.get(name)
    if (iface) iface.expected = destinations
  }
}
