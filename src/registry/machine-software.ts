import type { Implementation } from '../core/values/implementations.ts'
import { printable } from '../core/values/printable.ts'
import type { Store } from './database/store.ts'
import { SaidByMachines, type SaidComponents } from './said-by-machines.ts'

/** What a machine says of what it runs. */
export interface Software {
  /** The protocol that it speaks. */
  readonly protocol: number
  /** '': nobody knows. */
  readonly implementation: Implementation | ''
  readonly version: string
}

/** Longest version that is kept. */
const MAX_LENGTH = 100

/**
 * What each machine runs, as it says with its calls: the protocol when it begins a session, the rest as clients of HTTP do, which
 * nothing proves. It is for people to look at, and outlives the process.
 */
export class MachineSoftware implements AsyncDisposable {
  readonly #said: SaidByMachines<Software>
  readonly #store: Pick<Store, 'allIn'>

  constructor(components: SaidComponents & { readonly store: Pick<Store, 'allIn'> }) {
    this.#store = components.store
    this.#said = new SaidByMachines(components, {
      what: 'what machines run',
      ...{ table: 'machine_software', columns: ['protocol', 'software', 'version'] },
      rowOf: ({ protocol, implementation, version }) => [protocol, implementation, version],
    })
  }

  /** A machine that has proved who it is calls. @param agent what its client calls itself */
  heard(prefix: string, protocol: number, agent: string | undefined): void {
    this.#said.heard(prefix, { protocol, ...implementationOf(agent) })
  }

  /** A prefix has another machine. The database forgets the one before with the rest. */
  forget(prefix: string): void {
    this.#said.forget(prefix)
  }

  /** What these machines run; of one that has not called, nothing is known. */
  async of(prefixes: readonly string[]): Promise<ReadonlyMap<string, Software>> {
    await this.save()
    const rows = await this.#store.allIn<{
      prefix: string
      protocol: number
      software: Software['implementation']
      version: string
    }>('SELECT * FROM machine_software WHERE prefix IN ?', prefixes)
    return new Map(
      rows.map(({ prefix, protocol, software, version }) => [
        prefix,
        { protocol: Number(protocol), implementation: software, version },
      ]),
    )
  }

  /** Writes what was said. */
  save(): Promise<void> {
    return this.#said.save()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#said[Symbol.asyncDispose]()
  }
}

/** Both call themselves `re6stnet/VERSION`; ours says the protocol after it, the Python implementation its platform, or nothing. */
export function implementationOf(agent = ''): Pick<Software, 'implementation' | 'version'> {
  const [, version, rest = ''] = /^re6stnet\/([^\s,]+)(.*)$/s.exec(agent) ?? []
  if (version === undefined) return { implementation: '', version: '' }
  return {
    implementation: /^ protocol\/\d+$/.test(rest) ? 'own' : 'python',
    // A part of a text keeps the whole in memory, which is a header of whatever length.
    version: Buffer.from(printable(version).slice(0, MAX_LENGTH)).toString(),
  }
}
