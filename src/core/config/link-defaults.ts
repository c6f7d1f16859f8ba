/** What a network says of all its links (`babel_default`), in the units of babeld. Undefined: as the router has it. */
export interface LinkDefaults {
  /** What it costs to send to us. */
  readonly rxcost: number | undefined
  /** Cost that a round-trip time of `rttMaxMs` and more adds. */
  readonly maxRttPenalty: number | undefined
  readonly rttMinMs: number | undefined
  readonly rttMaxMs: number | undefined
  /** How fast the average of the round-trip time follows, in 1/256 per sample. */
  readonly rttDecay: number | undefined
  /** Pairs of words that only babeld understands, in their order. */
  readonly others: readonly (readonly [name: string, value: string])[]
}

const NUMBERS = {
  rxcost: 'rxcost',
  'max-rtt-penalty': 'maxRttPenalty',
  'rtt-min': 'rttMinMs',
  'rtt-max': 'rttMaxMs',
  'rtt-decay': 'rttDecay',
} as const

const isNumber = (name: string): name is keyof typeof NUMBERS => Object.hasOwn(NUMBERS, name)

/** Reads `babel_default`: names, each with a value. Of one that is there twice the last counts. */
export function parseLinkDefaults(text: string): LinkDefaults {
  const words = text.split(/\s+/).filter((word) => word !== '')
  const numbers: Record<(typeof NUMBERS)[keyof typeof NUMBERS], number | undefined> = {
    rxcost: undefined,
    maxRttPenalty: undefined,
    rttMinMs: undefined,
    rttMaxMs: undefined,
    rttDecay: undefined,
  }
  const others: [string, string][] = []
  for (let at = 0; at < words.length; at += 2) {
    const [name = '', value = ''] = words.slice(at, at + 2)
    const number = value === '' ? Number.NaN : Number(value)
    if (isNumber(name) && number >= 0) numbers[NUMBERS[name]] = number
    else others.push([name, value])
  }
  return { ...numbers, others }
}

/** Writes them as babeld reads them. */
export function linkDefaultsText(defaults: LinkDefaults): string {
  const numbers = Object.entries(NUMBERS).flatMap(([name, field]) => {
    const value = defaults[field]
    return value === undefined ? [] : [`${name} ${value}`]
  })
  return [...defaults.others.map((pair) => pair.join(' ').trimEnd()), ...numbers].join(' ')
}
