import type { MachineView, Picture, RouteView, TunnelView } from '../../demo/model.ts'

/** Tunnels of the sample: client, server. */
const TUNNELS: readonly (readonly [string, string])[] = [
  ['n1', 'registry'],
  ['n2', 'registry'],
  ['n2', 'n1'],
  ['n3', 'n2'],
  ['n4', 'n1'],
  ['n5', 'n3'],
  ['n6', 'registry'],
  ['n6', 'n3'],
  ['n7', 'n2'],
  ['n8', 'n3'],
]
const LANS: readonly (readonly [string, string])[] = [
  ['n4', 'n5'],
  ['n6', 'n7'],
  ['n7', 'n8'],
  ['n6', 'n8'],
]
const SITES: Readonly<Record<string, string>> = {
  n4: 'office',
  n5: 'office',
  n6: 'home',
  n7: 'home',
  n8: 'home',
}
const NAMES = ['registry', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8']

const subnetOf = (name: string): string => `${NAMES.indexOf(name)}/16`

/** The demo's network as it might be, with shortest ways; `killed` is off, as are its tunnels. */
export function samplePicture({ killed = '' } = {}): Picture {
  const edges = [...TUNNELS, ...LANS].filter((ends) => !ends.includes(killed))
  return {
    step: 'All 72 pairs reach each other',
    elapsedMs: 12_345,
    machines: NAMES.map((name, index): MachineView => {
      const dead = name === killed
      return {
        name,
        site: SITES[name],
        registry: name === 'registry',
        underlay: SITES[name] === undefined ? `203.0.113.${index + 2}` : `192.168.1.${index + 2}`,
        stage: dead ? 'killed' : 'running',
        subnet: subnetOf(name),
        address: `2001:db8:42:${index}::1`,
        tunnels: dead ? [] : tunnelsOf(name, killed),
        routes: dead ? [] : routesOf(name, edges),
      }
    }),
    roundTrips: Object.fromEntries(
      NAMES.filter((from) => from !== killed).map((from, row) => [
        from,
        Object.fromEntries(
          NAMES.filter((to) => to !== from && to !== killed).map((to, column) => [
            to,
            0.4 + ((row * 7 + column * 3) % 20) / 10,
          ]),
        ),
      ]),
    ),
    cuts: killed === '' ? [] : [['n2', 'n7']],
    outages: killed === '' ? [] : [{ what: `${killed} was killed`, from: 'n4', to: 'n6', seconds: 2.41 }],
    story: [
      { atMs: 1_200, kind: 'step', text: 'The registry runs' },
      { atMs: 3_400, kind: 'machine', text: 'n1 is enrolled as 1/16' },
      { atMs: 9_000, kind: 'good', text: 'All 72 pairs reach each other' },
      ...(killed === '' ? [] : [{ atMs: 12_000, kind: 'bad' as const, text: `${killed} is killed` }]),
    ],
  }
}

function tunnelsOf(name: string, killed: string): TunnelView[] {
  return TUNNELS.filter((ends) => ends.includes(name) && !ends.includes(killed)).map(([client, server]) => ({
    peer: subnetOf(client === name ? server : client),
    role: client === name ? 'client' : 'server',
    protocol: 'tcp',
    iface: client === name ? 're6stnet1' : 're6stnet-tcp',
  }))
}

/** Breadth first: the first hop of a shortest way to each. */
function routesOf(name: string, edges: readonly (readonly [string, string])[]): RouteView[] {
  const firstHop = new Map<string, string>()
  const queue = [name]
  for (const here of queue)
    for (const [one, other] of edges) {
      const next = one === here ? other : other === here ? one : undefined
      if (next === undefined || next === name || firstHop.has(next)) continue
      firstHop.set(next, firstHop.get(here) ?? next)
      queue.push(next)
    }
  const onLan = (other: string) => LANS.some((ends) => ends.includes(name) && ends.includes(other))
  return [...firstHop].map(([to, next]) => ({
    to: subnetOf(to),
    next: subnetOf(next),
    iface: onLan(next) ? 'eth0' : 're6stnet1',
    metric: to === next ? 96 : 192,
  }))
}
