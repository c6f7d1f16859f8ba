import { parseArgs } from 'node:util'

/** How much of something is to be measured; without, as much as the report wants. */
export interface BenchOptions {
  /** Of the section `outage`: how many faults. */
  readonly faults?: number
  /**
   * Of the section `false-alarms`: how long each trouble lasts, and which; `tcp` or `udp`: only over such tunnels. Of `idle`: how
   * long is counted; of `punctual`: how long each round lasts.
   */
  readonly minutes?: number
  readonly trouble?: string
  readonly protocol?: string
  /** With the same one, the same faults happen in the same order. */
  readonly seed?: number
  /** Only with this router, where there are several to compare. */
  readonly router?: string
  /** Of `registry-scale`: only with this database. */
  readonly database?: 'sqlite' | 'postgres'
  /**
   * Of the sections `scale`, `growth`, `whole-nodes` and `registry-scale`: only networks of these sizes; of `scale`, graphs with so
   * many tunnels.
   */
  readonly nodes?: readonly number[]
  readonly tunnels?: readonly number[]
  /** Only what was not measured yet. */
  readonly resume?: boolean
}

/** What the command line asks for: sections, and options. @throws Error when it cannot be understood */
export function benchArguments(words: readonly string[]): {
  readonly sections: readonly string[]
  readonly options: BenchOptions
} {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      faults: { type: 'string' },
      minutes: { type: 'string' },
      seed: { type: 'string' },
      router: { type: 'string' },
      trouble: { type: 'string' },
      protocol: { type: 'string' },
      database: { type: 'string' },
      nodes: { type: 'string' },
      tunnels: { type: 'string' },
      resume: { type: 'boolean' },
    },
  })
  const { router, trouble, protocol, resume } = values
  const database = databaseOf(values.database)
  const numbers = (name: 'faults' | 'minutes' | 'seed' | 'nodes' | 'tunnels') =>
    values[name]?.split(',').map((text) => {
      if (!/^\d+$/.test(text)) throw new Error(`--${name}: ${text} is no number`)
      return Number(text)
    })
  const number = (name: 'faults' | 'minutes' | 'seed') => {
    const [first, ...more] = numbers(name) ?? []
    if (more.length > 0) throw new Error(`--${name}: one number only`)
    return first === undefined ? {} : { [name]: first }
  }
  const list = (name: 'nodes' | 'tunnels') => {
    const some = numbers(name)
    return some === undefined ? {} : { [name]: some }
  }
  const options = {
    ...{ ...number('faults'), ...number('minutes'), ...number('seed'), ...list('nodes'), ...list('tunnels') },
    ...(router === undefined ? {} : { router }),
    ...(trouble === undefined ? {} : { trouble }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(database === undefined ? {} : { database }),
    ...(resume === undefined ? {} : { resume }),
  }
  return { sections: positionals, options }
}

function databaseOf(text: string | undefined): BenchOptions['database'] {
  if (text === undefined || text === 'sqlite' || text === 'postgres') return text
  throw new Error('--database: sqlite or postgres')
}
