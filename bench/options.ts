import { parseArgs } from 'node:util'

/** How much of something is to be measured; without, as much as the report wants. */
export interface BenchOptions {
  /** Of the section `outage`: how many faults. */
  readonly faults?: number
  /** With the same one, the same faults happen in the same order. */
  readonly seed?: number
  /** Only with this router, where there are several to compare. */
  readonly router?: string
}

/** What the command line asks for: sections, and options. @throws Error when it cannot be understood */
export function benchArguments(words: readonly string[]): {
  readonly sections: readonly string[]
  readonly options: BenchOptions
} {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { faults: { type: 'string' }, seed: { type: 'string' }, router: { type: 'string' } },
  })
  const { router } = values
  const number = (name: 'faults' | 'seed') => {
    const text = values[name]
    if (text === undefined) return {}
    if (!/^\d+$/.test(text)) throw new Error(`--${name}: ${text} is no number`)
    return { [name]: Number(text) }
  }
  const options = { ...number('faults'), ...number('seed'), ...(router === undefined ? {} : { router }) }
  return { sections: positionals, options }
}
