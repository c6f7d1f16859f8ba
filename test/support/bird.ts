import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MacKey } from '../../src/core/babel/mac/keys.ts'
import type { RunningProcess } from '../../src/platform/processes.ts'
import type { Namespace } from './namespace.ts'

/** What a BIRD announces, and where. */
export interface BirdSettings {
  readonly routerId: string
  /** Its prefixes in CIDR notation; each that is not on the machine needs a route of its own there. */
  readonly ipv6: readonly string[]
  readonly ipv4: readonly string[]
  readonly interfaces: readonly string[]
  readonly rxcost: number
  /** Each signs, each is accepted. */
  readonly keys: readonly MacKey[]
}

/** BIRD in a namespace: Babel on some interfaces, routes into the kernel. */
export class Bird {
  readonly #namespace: Namespace
  readonly #file: string
  readonly #socket: string
  #settings: BirdSettings
  #running: RunningProcess | undefined

  /** @param directory for its files, one for each */
  constructor(namespace: Namespace, directory: string, settings: BirdSettings) {
    this.#namespace = namespace
    this.#file = join(directory, 'bird.conf')
    this.#socket = join(directory, 'bird.ctl')
    this.#settings = settings
  }

  start(): void {
    writeFileSync(this.#file, configurationOf(this.#settings))
    this.#running = this.#namespace.processes.start('bird', ['-f', '-c', this.#file, '-s', this.#socket], {
      dieWithParent: true,
    })
  }

  async stop(): Promise<void> {
    this.#running?.signal('SIGTERM')
    await this.#running?.ended
    this.#running = undefined
  }

  /** Other keys from now on, while it runs. */
  setKeys(keys: readonly MacKey[]): void {
    this.#settings = { ...this.#settings, keys }
    writeFileSync(this.#file, configurationOf(this.#settings))
    this.#ask('configure')
  }

  /** Metrics of the routes that packets take, by destination: `prefix` and `source prefix`. */
  metrics(): ReadonlyMap<string, number> {
    return new Map([
      ...metricsIn(this.#ask('show route table sadr6 protocol babel1'), '::/0'),
      ...metricsIn(this.#ask('show route table master4 protocol babel1'), '0.0.0.0/0'),
    ])
  }

  #ask(command: string): string {
    try {
      return this.#namespace.run('birdc', '-s', this.#socket, command)
    } catch {
      // It has only just been started.
      return ''
    }
  }
}

/** `2001:db8::/32 from ::/0 unicast [babel1 00:00:00.000] * (130/96) [...]`: the star is for the best one. */
function metricsIn(text: string, anySource: string): readonly (readonly [string, number])[] {
  let destination = ''
  return text.split('\n').flatMap((line) => {
    const [, prefix, from = anySource] = /^(\S+\/\d+)(?:\s+from (\S+))?\s/.exec(line) ?? []
    if (prefix !== undefined) destination = `${prefix} ${from}`
    const metric = /\s\*\s+\(\d+\/(\d+)\)/.exec(line)?.[1]
    return metric === undefined ? [] : [[destination, Number(metric)] as const]
  })
}

function configurationOf({ routerId, ipv6, ipv4, interfaces, rxcost, keys }: BirdSettings): string {
  const passwords = keys.map(({ algorithm, key }) => {
    const name = algorithm === 'blake2s128' ? algorithm : 'hmac sha256'
    return `password ${Buffer.from(key).toString('hex')} { algorithm ${name}; };`
  })
  return `
    router id ${routerId};
    ipv6 sadr table sadr6;
    protocol device { scan time 1; }
    protocol static {
      ipv6 sadr { table sadr6; };
      ${ipv6.map((prefix) => `route ${prefix} from ::/0 unreachable;`).join('\n')}
    }
    protocol static { ipv4; ${ipv4.map((prefix) => `route ${prefix} unreachable;`).join('\n')} }
    protocol kernel { ipv6 sadr { table sadr6; import none; export where source = RTS_BABEL; }; }
    protocol kernel { ipv4 { import none; export where source = RTS_BABEL; }; }
    protocol babel {
      ipv4 { import all; export all; };
      ipv6 sadr { table sadr6; import all; export all; };
      interface ${interfaces.map((iface) => `"${iface}"`).join(', ')} {
        type wired;
        rxcost ${rxcost};
        hello interval 1 s;
        update interval 4 s;
        ${keys.length > 0 ? `authentication mac; ${passwords.join('\n')}` : ''}
      };
    }
  `
}
