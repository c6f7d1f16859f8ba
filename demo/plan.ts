import type { MachineView } from './model.ts'

/** A machine of the demo, before it exists. */
export interface PlannedMachine {
  readonly name: string
  /** NAT that it is behind; undefined: a public address. */
  readonly site: string | undefined
}

/** The NATs, each with its share of the nodes: of 8, 2 and 3; the others have public addresses. */
const SITES: readonly { readonly name: string; readonly share: number }[] = [
  { name: 'office', share: 2 / 8 },
  { name: 'home', share: 3 / 8 },
]

/** Which nodes there are, and where. The registry's own comes on top. */
export function planNodes(count: number): readonly PlannedMachine[] {
  const sites = SITES.flatMap(({ name, share }) => Array<string>(Math.floor(count * share)).fill(name))
  const places = [...Array<undefined>(count - sites.length).fill(undefined), ...sites]
  return places.map((site, index) => ({ name: `n${index + 1}`, site }))
}

/** The NATs that these nodes need. */
export const sitesOf = (nodes: readonly PlannedMachine[]): readonly string[] => [
  ...new Set(nodes.flatMap(({ site }) => site ?? [])),
]

/** Name of the machine of the registry, and of the first node. */
export const REGISTRY = 'registry'

/** The machines of the demo as they are before anything is done. */
export const machinesBefore = (nodes: readonly PlannedMachine[]): MachineView[] =>
  [{ name: REGISTRY, site: undefined }, ...nodes].map(({ name, site }) => ({
    name,
    site,
    registry: name === REGISTRY,
    underlay: '',
    stage: 'off',
    subnet: undefined,
    address: undefined,
    tunnels: [],
    routes: [],
  }))
