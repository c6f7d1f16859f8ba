import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { Re6stError } from '../src/core/errors.ts'
import type { Family } from './address-plan.ts'
import { type Cut, dropRules, machinesOfCut } from './cuts.ts'
import { type Cable, Machine } from './machine.ts'
import { type Ownership, takeOwnership } from './ownership.ts'
import {
  dmzRules,
  gatewayBootCommands,
  INTERNET_BOOT_COMMANDS,
  Internet,
  Lan,
  type Segment,
} from './segments.ts'
import { type WaitOptions, waitFor } from './wait-for.ts'

/** How a lab is made. */
export interface LabOptions {
  /** Begins the names of its namespaces: letters, digits, dashes. */
  readonly name?: string
  /** Aborted: whatever the lab waits for ends at once. */
  readonly signal?: AbortSignal
}

/** A NAT gateway: a public machine with a LAN behind it. */
export interface Gateway {
  readonly machine: Machine
  readonly lan: Lan
}

/**
 * An Internet in network namespaces, for a scenario:
 *
 *     await using lab = await Lab.create({ name: 'example' })
 *     const office = await lab.nat('office')
 *     const a = await lab.host('a')                       // on the Internet
 *     const b = await lab.host('b', { on: office.lan })
 *     await b.run('ping', '-c1', a.addresses.ipv4)
 *     await lab.cut(a, b)
 *
 * Several labs run side by side. Whatever happens to the process that made it, nothing of a lab is left.
 */
export class Lab implements AsyncDisposable {
  readonly name: string
  readonly internet: Internet
  readonly signal: AbortSignal | undefined
  readonly #ownership: Ownership
  readonly #machines: Machine[] = []
  readonly #cuts: Cut[] = []
  #lans = 0

  private constructor(name: string, ownership: Ownership, signal: AbortSignal | undefined) {
    this.name = name
    this.#ownership = ownership
    this.signal = signal
    this.internet = new Internet(this.#machine('internet', undefined, INTERNET_BOOT_COMMANDS))
  }

  /** @throws Re6stError `SYSTEM` without root */
  static async create({ name = 'lab', signal }: LabOptions = {}): Promise<Lab> {
    if (process.getuid?.() !== 0)
      throw new Re6stError('SYSTEM', 'network namespaces need root: run this again as root (sudo)')
    const lab = new Lab(name, await takeOwnership(name), signal)
    try {
      await lab.internet.router.boot()
    } catch (error) {
      await lab.dispose()
      throw error
    }
    return lab
  }

  /** Holds the disks of the machines, and whatever a scenario puts there; removed with the lab. */
  get directory(): string {
    return this.#ownership.directory
  }

  /** Every machine, routers included. */
  get machines(): readonly Machine[] {
    return this.#machines
  }

  /** A machine with one cable, switched on. By default it is on the Internet with both IP versions. */
  async host(
    name: string,
    { on = this.internet, families }: { on?: Segment; families?: readonly Family[] } = {},
  ): Promise<Machine> {
    const machine = this.#machine(name, on.cable(families))
    await machine.boot()
    return machine
  }

  /**
   * A NAT gateway on the Internet, or in the LAN of another one. Its LAN has IPv4 only, unless `families` says that IPv6 is
   * routed to it, which is so on the Internet alone.
   */
  async nat(
    name: string,
    { families = ['ipv4'], behind }: { families?: readonly Family[]; behind?: Gateway } = {},
  ): Promise<Gateway> {
    const number = ++this.#lans
    const cable = behind?.lan.cable() ?? this.internet.gatewayCable(number, families)
    const machine = this.#machine(name, cable, gatewayBootCommands(number, families))
    await machine.boot()
    return { machine, lan: new Lan(machine, number, families) }
  }

  /** Has a gateway send all that comes to it from outside, and belongs to no connection, to a machine of its LAN: its "DMZ host". */
  async sendEverything({ machine }: Gateway, { addresses }: Machine): Promise<void> {
    await machine.run('nft', dmzRules(addresses.ipv4 ?? ''))
  }

  /** Packets between two machines are lost from now on, both ways; what others send to them is not. */
  async cut(one: Machine, other: Machine): Promise<void> {
    await this.#addCut({ ends: [one, other] })
  }

  /** What a machine sends to another one is lost from now on; what the other sends is not. */
  async cutOneWay(from: Machine, to: Machine): Promise<void> {
    await this.#addCut({ ends: [from, to], isOneWay: true })
  }

  /** Ends a cut. */
  async restore(one: Machine, other: Machine): Promise<void> {
    const at = this.#cuts.findIndex(({ ends }) => ends.includes(one) && ends.includes(other))
    const [cut] = at < 0 ? [] : this.#cuts.splice(at, 1)
    if (cut !== undefined) await this.#applyCuts(cut)
  }

  /** Waits for a condition; ends also when the lab's signal is aborted. */
  waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): ReturnType<typeof waitFor<T>> {
    return waitFor(condition, { signal: this.signal, ...options })
  }

  /** What every process of every machine wrote last: for the person who wonders why a scenario failed. */
  report(linesEach?: number): string {
    return this.#machines
      .map((machine) => machine.report(linesEach))
      .filter((text) => text !== '')
      .join('\n')
  }

  /** Ends every process and removes every namespace and file. Idempotent. */
  async dispose(): Promise<void> {
    await this.#ownership.release()
    await Promise.all(this.#machines.flatMap((machine) => machine.processes).map((process) => process.ended))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #addCut(cut: Cut): Promise<void> {
    await this.restore(...cut.ends)
    this.#cuts.push(cut)
    await this.#applyCuts(cut)
  }

  async #applyCuts(cut: Cut): Promise<void> {
    await Promise.all(machinesOfCut(cut).map((machine) => machine.setRules(dropRules(machine, this.#cuts))))
  }

  #machine(name: string, cable: Cable | undefined, bootCommands: readonly string[] = []): Machine {
    if (this.#machines.some((other) => other.name === name))
      throw new Re6stError('CONFLICT', `the lab has a machine ${name} already`)
    const directory = path.join(this.#ownership.directory, name)
    mkdirSync(directory, { recursive: true })
    const machine = new Machine({
      name,
      namespace: `re6st-${this.#ownership.id}-${name}`,
      directory,
      cable,
      bootCommands,
      recordNamespace: (namespace) => this.#ownership.recordNamespace(namespace),
    })
    this.#machines.push(machine)
    return machine
  }
}

/** Runs a scenario in a lab of its own; if it fails, prints what every daemon logged. */
export async function withLab<T>(options: LabOptions, scenario: (lab: Lab) => Promise<T>): Promise<T> {
  await using lab = await Lab.create(options)
  try {
    return await scenario(lab)
  } catch (error) {
    console.error(`=== lab ${lab.name}: what its daemons logged\n${lab.report()}\n=== end of lab ${lab.name}`)
    throw error
  }
}
