import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { Re6stError } from '../src/core/errors.ts'
import { type CommandOutput, describeEnd, systemProcesses } from '../src/platform/processes.ts'
import type { UnderlayAddresses } from './address-plan.ts'
import { LabProcess, type LabProcessOptions } from './lab-process.ts'
import { capture, killAll, loadRules, runScript } from './namespace.ts'

/** The link from a machine (its `eth0`) to a router's port. */
export interface Cable {
  readonly router: Machine
  readonly routerPort: string
  readonly mac: string
  readonly addresses: UnderlayAddresses
  /** Shell commands inside the machine, when `eth0` is up. */
  readonly machineSetup: readonly string[]
  /** Shell commands inside the router that bring the port up; repeated after the cable was out. */
  readonly routerSetup: readonly string[]
}

/** What a machine is made of. */
export interface MachineParts {
  readonly name: string
  /** Unique on the host, as `ip netns list` shows it. */
  readonly namespace: string
  /** Its disk: survives a power cut. */
  readonly directory: string
  /** To what it is connected; the Internet itself is connected to nothing. */
  readonly cable: Cable | undefined
  /** Shell commands at boot, before the cable is connected. */
  readonly bootCommands?: readonly string[]
  readonly recordNamespace: (namespace: string) => void
}

/** A host of its own on IPv6, and no router whatever the real machine is. */
const HOST_COMMANDS = [
  'ip link set dev lo up',
  // A new namespace takes these over from the real machine.
  'echo 0 >/proc/sys/net/ipv4/ip_forward',
  'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done',
]

/** A machine of the lab: a network namespace, a directory as its disk, and processes. */
export class Machine {
  readonly name: string
  readonly namespace: string
  readonly directory: string
  readonly cable: Cable | undefined
  readonly #parts: MachineParts
  readonly #processes: LabProcess[] = []
  #running = false
  #rules: string | undefined

  constructor(parts: MachineParts) {
    this.#parts = parts
    this.name = parts.name
    this.namespace = parts.namespace
    this.directory = parts.directory
    this.cable = parts.cable
  }

  /** Whether it is switched on. */
  get running(): boolean {
    return this.#running
  }

  /** Addresses on the Internet, or on its LAN when it is behind a router. */
  get addresses(): UnderlayAddresses {
    return this.cable?.addresses ?? { ipv4: undefined, ipv6: undefined }
  }

  /** Every process that was started on it, ended or not. */
  get processes(): readonly LabProcess[] {
    return this.#processes
  }

  /** Switches it on, with its cable plugged in. Starts no daemon. */
  async boot(): Promise<void> {
    const { namespace, cable } = this
    mkdirSync(this.directory, { recursive: true })
    this.#parts.recordNamespace(namespace)
    await systemProcesses.run('ip', ['netns', 'add', namespace])
    this.#running = true
    await runScript(namespace, [...HOST_COMMANDS, ...(this.#parts.bootCommands ?? [])])
    if (cable !== undefined) {
      await systemProcesses.run('ip', [
        ...['link', 'add', 'name', 'eth0', 'netns', namespace, 'address', cable.mac],
        ...['type', 'veth', 'peer', 'name', cable.routerPort, 'netns', cable.router.namespace],
      ])
      await runScript(namespace, [
        // Duplicate address detection would keep the link-local address back for two seconds.
        'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad',
        'ip link set dev eth0 up',
        ...cable.machineSetup,
      ])
      await this.plugIn()
    }
    if (this.#rules !== undefined) await loadRules(namespace, this.#rules)
  }

  /** Pulls the cable: nothing comes in or goes out, and the machine sees that. */
  async unplug(): Promise<void> {
    const { router, routerPort } = this.#pluggable()
    await runScript(router.namespace, [`ip link set dev ${routerPort} down`])
  }

  async plugIn(): Promise<void> {
    const { router, routerSetup } = this.#pluggable()
    await runScript(router.namespace, routerSetup)
  }

  /** Cuts the power: it is gone from the network without a goodbye, and all of its processes with it. */
  async powerOff(): Promise<void> {
    if (!this.#running) return
    // The cable first: a dying process must not close its connections on the wire.
    await this.unplug()
    this.#running = false
    await killAll(this.namespace)
    const { router, routerPort } = this.#pluggable()
    // The kernel removes what is in a namespace some time after the namespace: too late for the next boot.
    await runScript(router.namespace, [`ip link delete dev ${routerPort}`])
    await systemProcesses.run('ip', ['netns', 'delete', this.namespace])
    await Promise.all(this.#processes.map((process) => process.ended))
  }

  /** Ends its processes, the last started first, each given time to clean up. */
  async stopProcesses(): Promise<void> {
    for (const process of [...this.#processes].reverse()) await process.stop()
  }

  /** Runs a command to its end. @throws Re6stError `DAEMON` when it fails */
  async run(command: string, ...args: string[]): Promise<CommandOutput> {
    const output = await capture(this.namespace, [command, ...args])
    if (output.end.kind === 'exited' && output.end.status === 0) return output
    const said = output.stderr.split('\n').at(-1) ?? ''
    throw new Re6stError(
      'DAEMON',
      `on ${this.name}: ${[command, ...args].join(' ')}: ${said} (${describeEnd(output.end)})`,
    )
  }

  /** Runs a command to its end, whatever that is. */
  capture(command: string, ...args: string[]): ReturnType<typeof capture> {
    return capture(this.namespace, [command, ...args])
  }

  /** Runs what `ip -j …` prints through JSON. @throws Re6stError `DAEMON` when it fails */
  async ip(...args: string[]): Promise<Record<string, unknown>[]> {
    const { stdout } = await this.run('ip', '-j', ...args)
    return stdout === '' ? [] : (JSON.parse(stdout) as Record<string, unknown>[])
  }

  /** Starts a process that runs until it, the machine or the lab ends. */
  start(command: readonly string[], options: LabProcessOptions = {}): LabProcess {
    const process = new LabProcess(this.namespace, command, { directory: this.directory, ...options })
    this.#processes.push(process)
    return process
  }

  /** Loads an nftables script now and at each boot; it replaces the one before. */
  async setRules(script: string): Promise<void> {
    this.#rules = script
    if (this.#running) await loadRules(this.namespace, script)
  }

  /** What its processes wrote last, and the ends of its log files. */
  report(linesEach = 30): string {
    const parts = this.#processes.map((process) => {
      const state = process.end === undefined ? 'running' : describeEnd(process.end)
      return section(`${this.name}: ${process.name} (${state})`, process.lastLines(linesEach))
    })
    for (const file of filesBelow(this.directory, '.log'))
      parts.push(
        section(
          `${this.name}: ${path.relative(this.directory, file)}`,
          readFileSync(file, 'utf8').trimEnd().split('\n').slice(-linesEach),
        ),
      )
    return parts.join('\n')
  }

  #pluggable(): Cable {
    if (this.cable === undefined) throw new Re6stError('OPTION', `${this.name} has no cable`)
    return this.cable
  }
}

const section = (title: string, lines: readonly string[]): string =>
  [`--- ${title}`, ...lines.map((line) => `    ${line}`)].join('\n')

function filesBelow(directory: string, ending: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(ending))
      .map((name) => path.join(directory, name))
      .filter((file) => statSync(file).size > 0)
      .sort()
  } catch {
    return []
  }
}
