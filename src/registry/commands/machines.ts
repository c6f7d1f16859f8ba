import { dayOf } from '../../core/day.ts'
import { Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { NodesOptions, ShowOptions } from '../../core/options/registry-operator-options.ts'
import type { Machine, MachineDetails, MachineHistory, MachineRoute } from '../api/schemas/machines.ts'
import type { NetworkOverview } from '../api/schemas/network.ts'
import { type AskRegistry, askRegistryOf } from './ask-registry.ts'
import { columns } from './columns.ts'
import { longJson, longTable, printLong } from './long-output.ts'

/** Machines of one question. */
const BATCH = 1_000
/** Events of a machine that are printed. */
const EVENTS = 20

/**
 * Runs `re6st-registry nodes`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runNodes(options: NodesOptions): Promise<number> {
  const { json, search, state, community, isBehind, authority, sort, isDescending, ...rest } = options
  const { protocolBelow, implementation, subjectSerialFrom, ...where } = rest
  const ask = askRegistryOf(where)
  const wanted = {
    ...(search === undefined ? {} : { search }),
    ...(state === undefined ? {} : { state }),
    ...(community === undefined ? {} : { community }),
    ...(isBehind ? { configuration: 'behind' as const } : {}),
    ...(authority === undefined ? {} : { authority }),
    ...(protocolBelow === undefined ? {} : { protocolBelow }),
    ...(implementation === undefined ? {} : { implementation }),
    ...(subjectSerialFrom === undefined ? {} : { subjectSerialFrom }),
    sort,
    order: isDescending ? ('descending' as const) : ('ascending' as const),
  }
  const text = json ? longJson() : longTable(HEAD, rowOf)
  let isMore = false
  for (let after: string | undefined; ; ) {
    const page = await ask('machines', {
      query: { ...wanted, limit: BATCH, ...(after === undefined ? {} : { after }) },
    })
    isMore = page.isMore ?? false
    await printLong(text.next(page.items))
    if (page.next === undefined) break
    after = page.next
  }
  await printLong(text.end())
  if (isMore)
    process.stderr.write(
      're6st-registry: WARNING: there may be more machines than these: give more of the name or address by --search\n',
    )
  return 0
}

const HEAD = ['MACHINE', 'STATE', 'UNTIL', 'ADDRESS', 'VERSION', 'WHOSE']

const rowOf = ({ name, state, notAfter, address, version = '', email = '', machineName }: Machine) => [
  ...[name, state, dayOf(notAfter), address, version],
  [machineName, email].filter(Boolean).join(' '),
]

/**
 * Runs `re6st-registry show`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runShow({ json, machine, ...where }: ShowOptions): Promise<number> {
  const ask = askRegistryOf(where)
  if (machine === undefined) {
    const overview = await ask('overview')
    process.stdout.write(json ? jsonText(overview) : overviewText(overview))
    return 0
  }
  const name = await nameOf(ask, machine)
  const [details, history, route] = await Promise.all([
    ask('machine', { params: { name } }),
    ask('history', { params: { name } }),
    ask('route', { params: { name } }),
  ])
  process.stdout.write(
    json ? jsonText({ ...details, ...history, route }) : detailsText(details, history, route),
  )
  return 0
}

/** The subnet name of the one machine that somebody means. */
async function nameOf(ask: AskRegistry, meant: string): Promise<string> {
  const { total, items } = await ask('machines', { query: { search: meant, limit: 5 } })
  const [first] = items
  // Of a serial number that is also in somebody's address, the serial number is meant.
  const exact = items.filter(({ serial, email, machineName }) =>
    [String(serial), email, machineName].includes(meant),
  )
  const only = exact.length === 1 ? exact[0] : total === 1 ? first : undefined
  if (only) return only.name
  if (!first)
    throw new Re6stError('NOT_FOUND', `${meant}: there is no such machine: "re6st-registry nodes" lists them`)
  throw new Re6stError(
    'NOT_FOUND',
    `${meant}: there are ${total} of them: ${items.map(({ name }) => name).join(', ')}${total > items.length ? ', …' : ''}`,
  )
}

function overviewText(overview: NetworkOverview): string {
  const { network, registryMachine = 'not there yet', authority, machines, keyRotation } = overview
  const { total, online, offline, expiring, neverSeen, outdated, revoked } = machines
  return columns([
    ['network', `${network}  ${authority.name}`],
    ['authority', `until ${dayOf(authority.notAfter)}  fingerprint ${authority.fingerprint}`],
    [
      'registry',
      `version ${overview.registry.version}, since ${overview.registry.startedAt}; its node ${registryMachine}`,
    ],
    [
      'machines',
      `${total}: ${online} online, ${offline} offline, ${expiring} expiring, ${neverSeen} never seen, ${outdated} outdated`,
    ],
    ['revoked', `${revoked} certificates that would be valid still`],
    ['invitations', `${overview.invitations} that can be used`],
    ['keys', `${keyRotation.step}; ${keyRotation.behindCount} machines have not followed`],
    ['configuration', `version ${overview.configurationVersion}`],
  ])
}

function detailsText(
  machine: MachineDetails,
  { events, availability }: MachineHistory,
  route: MachineRoute,
): string {
  const { email = '', machineName = '', version, platform = '', lastSeen, place, community } = machine
  const looked = availability.flatMap(({ share }) => (share === undefined ? [] : [share]))
  const share = looked.reduce((sum, one) => sum + one, 0) / looked.length
  const rows: [string, string][] = [
    ['machine', `${machine.name}  ${machine.state}`],
    ['whose', [machineName, email].filter(Boolean).join('  ')],
    ['address', `${machine.address}  subnet ${machine.subnet}`],
    [
      'certificate',
      `serial ${machine.serial}, from ${dayOf(machine.notBefore)} until ${dayOf(machine.notAfter)}`,
    ],
    ['subject', machine.subject],
    ['fingerprint', machine.fingerprint],
    ['version', version === undefined ? '' : `${version}  ${platform}`],
    ['last seen', lastSeen ?? ''],
    ['place', [place.country, place.continent].filter(Boolean).join(', ')],
    ['community', community ?? ''],
    ['outside', machine.addresses.join('  ')],
    [
      'tunnels',
      machine.tunnels
        .map(({ peer, direction }) => `${direction === 'outgoing' ? '→' : '←'} ${peer}`)
        .join('  '),
    ],
    ['route', routeText(route)],
    ['available', looked.length === 0 ? '' : `${(100 * share).toFixed(1)} % of ${looked.length} days`],
    ...machine.issued
      .filter(({ serial }) => serial !== machine.serial)
      .map(({ serial, notAfter, isRevoked }): [string, string] => [
        'also valid',
        `serial ${serial} until ${dayOf(notAfter)}${isRevoked ? ', revoked' : ''}`,
      ]),
  ]
  return [
    columns(rows.filter(([, value]) => value !== '')),
    columns(events.slice(0, EVENTS).map(({ at, kind, detail = '' }) => [at, kind, detail])),
  ].join('\n')
}

function routeText({ hops, problem }: MachineRoute): string {
  const way = hops.map(({ name, by, linkMs }) => {
    const known = by === 'routing' ? name : `${name}?`
    return linkMs === undefined ? known : `${known} (${linkMs.toFixed(1)} ms)`
  })
  return [way.join(' → '), ...(problem === undefined ? [] : [problem])].join('; ')
}
