import { PROBE_TABLE } from './probe-table.ts'

/** Follows `nft monitor trace`: where the kernel dropped which probe. */
export class ProbeTrace {
  /** What our own rule says of the packet with this trace id. */
  readonly #names = new Map<string, string>()
  readonly #drops = new Map<string, string>()

  /** Takes a line that it prints. */
  line(text: string): void {
    const [, id = '', family, table = '', chain, what, detail = ''] =
      /^trace id (\S+) (\S+) (\S+) (\S+) (packet:|rule|policy|verdict|unknown rule handle)\s*(.*?)\s*$/.exec(
        text,
      ) ?? []
    if (what === undefined) return
    if (table === PROBE_TABLE) {
      const [, name] = /comment "first (\d+)"/.exec(detail) ?? []
      if (name !== undefined) this.#names.set(id, name)
      else if (!this.#names.has(id))
        this.#names.set(id, `partners-${/output/.test(chain ?? '') ? 'out' : 'in'}`)
      return
    }
    const place = `${family} ${table} ${chain}`
    if (what === 'policy' && detail === 'drop') this.#drops.set(id, `the policy of ${place}: drop`)
    const [, rule] = /^(.*) \(verdict drop\)$/.exec(detail) ?? []
    if (rule !== undefined && what !== 'packet:')
      this.#drops.set(id, `${place}: ${what === 'rule' ? '' : 'rule handle '}${withoutCounts(rule)}`)
  }

  /** Whether our own rule saw this probe, and everything before was read. */
  has(mark: number): boolean {
    return [...this.#names.values()].includes(String(mark))
  }

  /** Where probes were dropped, by their marks; and packets of partners. */
  drops(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#names].flatMap(([id, name]) => {
        const drop = this.#drops.get(id)
        return drop === undefined ? [] : [[name, drop] as const]
      }),
    )
  }
}

/** A rule is known again without them. */
const withoutCounts = (rule: string): string => rule.replace(/ ?\bcounter packets \d+ bytes \d+/g, '').trim()
