import { OLDEST_PROTOCOL, PROTOCOL } from '../config/protocol-number.ts'
import { ok, type Result, refuse } from '../result.ts'
import { IMPLEMENTATIONS } from '../values/implementations.ts'
import { MACHINE_QUERY_BOUNDS, WANTED_AUTHORITY } from '../values/machine-query-bounds.ts'
import { MACHINE_SORT_KEYS } from '../values/machine-sort-keys.ts'
import { MACHINE_STATES } from '../values/machine-states.ts'
import { isLikeSubnetName } from '../values/prefix.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional, repeated, withDefault } from './option-table.ts'
import { ASKED_COMMAND_SOCKET, DEFAULT_DATABASE, REGISTRY_OPTIONS } from './registry-options.ts'
import {
  countryCode,
  databasePlace,
  emailAddress,
  integer,
  ipv4Range,
  nonEmpty,
  oneOf,
  text,
} from './value-types.ts'

const MACHINES = 'Machines'
const INVITATION = 'Invitation'
const ROTATION = 'Rotation'
const NETWORK = 'Configuration of the network'

/** A year: longer is a mistake. */
const MAX_DAYS = 365
const MAX_USES = 1_000
/** An hour. */
const MAX_WAIT_SECONDS = 3_600

/** Options of all commands that ask a registry. */
export const ASKED_REGISTRY = {
  database: withDefault(databasePlace, DEFAULT_DATABASE, {
    names: ['--db'],
    group: 'Registry',
    help: 'database of the registry that is asked, as it was started with; it must run, on this machine',
  }),
  commandSocket: ASKED_COMMAND_SOCKET,
  json: flag({ names: ['--json'], group: 'Output', help: 'print JSON, as the API says it' }),
} as const

const within = (name: keyof typeof MACHINE_QUERY_BOUNDS) => {
  const { minimum, maximum } = MACHINE_QUERY_BOUNDS[name]
  return integer('N', minimum, maximum)
}

const NODES = {
  search: optional(nonEmpty('TEXT'), {
    names: ['--search'],
    group: MACHINES,
    help: 'only those that this is part of the name or e-mail address of (of more than 5,000 machines: what a word in it begins with), or whose subnet name, subnet, an address in it, or serial number it is',
  }),
  state: optional(oneOf('STATE', MACHINE_STATES), {
    names: ['--state'],
    group: MACHINES,
    help: 'only those in this state; expiring: whose certificate ends within 30 days',
  }),
  community: optional(text('BITS'), {
    names: ['--community'],
    group: MACHINES,
    help: 'only those whose prefixes begin with these bits',
  }),
  isBehind: flag({
    names: ['--behind'],
    group: MACHINES,
    help: 'only those that have not asked for the present configuration of the network',
  }),
  authority: optional(nonEmpty('FINGERPRINT'), {
    names: ['--authority'],
    group: MACHINES,
    help: 'only those that have this certificate of the authority, as "ca status" prints it; unknown: those of which nobody knows',
  }),
  protocolBelow: optional(within('protocolBelow'), {
    names: ['--protocol-below'],
    group: MACHINES,
    help: 'only those that speak an older protocol than this',
  }),
  implementation: optional(oneOf('WHOSE', IMPLEMENTATIONS), {
    names: ['--implementation'],
    group: MACHINES,
    help: 'only those that run this one or that of Python',
  }),
  subjectSerialFrom: optional(within('subjectSerialFrom'), {
    names: ['--subject-serial-from'],
    group: MACHINES,
    help: 'only those whose certificates have at least this serial number in their subjects, which chooses the IPv4 subnet',
  }),
  sort: withDefault(oneOf('KEY', MACHINE_SORT_KEYS), 'name', {
    names: ['--sort'],
    group: MACHINES,
    help: 'in the order of this; name: of their addresses; notAfter: of the ends of their certificates',
  }),
  isDescending: flag({
    names: ['--descending'],
    group: MACHINES,
    help: 'the last of that order first',
  }),
  ...ASKED_REGISTRY,
} as const

/** The command `re6st-registry nodes`. */
export const NODES_COMMAND: Command<typeof NODES> = {
  name: 're6st-registry nodes',
  description:
    'Lists the machines of the network: subnet name, state, end of the certificate, address, whose.',
  options: NODES,
  takesOptionFiles: false,
}
export type NodesOptions = OptionsOf<typeof NODES>

/** Checks all options of `re6st-registry nodes`, together. */
export function nodesOptions(words: ParsedWords): Result<NodesOptions> {
  const values = optionValues(NODES_COMMAND, words)
  if (!values.ok) return values
  const fault = faultOfCommunity(values.value) ?? faultOfAuthority(values.value)
  return fault === undefined ? values : refuse(fault)
}

const faultOfAuthority = ({
  authority = 'unknown',
}: {
  readonly authority: string | undefined
}): string | undefined =>
  WANTED_AUTHORITY.test(authority)
    ? undefined
    : `--authority ${authority}: must be "unknown", or a fingerprint like sha256:0C:7A:…, as "re6st-registry ca status" prints it`

const faultOfCommunity = ({
  community = '',
}: {
  readonly community: string | undefined
}): string | undefined =>
  /^[01]{0,128}$/.test(community) ? undefined : `--community ${community}: must be bits, like 0101`

/** The command `re6st-registry show`. */
export const SHOW_COMMAND: Command<typeof ASKED_REGISTRY> = {
  name: 're6st-registry show',
  description:
    'Prints all that is known of one machine: certificate, tunnels, the way to it, what happened to it. Without a machine, the network in numbers.',
  options: ASKED_REGISTRY,
  takesOptionFiles: false,
  operand: {
    metavar: 'MACHINE',
    help: 'subnet name, an address in its subnet, serial number, e-mail address or name',
    required: false,
  },
}
export type ShowOptions = OptionsOf<typeof ASKED_REGISTRY> & { readonly machine: string | undefined }
export function showOptions(words: ParsedWords): Result<ShowOptions> {
  const values = optionValues(SHOW_COMMAND, words)
  return values.ok ? ok({ ...values.value, machine: words.operand }) : values
}

const INVITE_ACTIONS = ['new', 'list', 'delete'] as const

const INVITE = {
  uses: withDefault(integer('N', 1, MAX_USES), 1, {
    names: ['--uses'],
    group: INVITATION,
    help: 'how many machines may join with it',
  }),
  days: withDefault(integer('N', 1, MAX_DAYS), 14, {
    names: ['--days'],
    group: INVITATION,
    help: 'days after which it is of no use any more',
  }),
  email: optional(emailAddress, {
    names: ['--email'],
    group: INVITATION,
    help: 'whose the machine is',
  }),
  community: optional(text('BITS'), {
    names: ['--community'],
    group: INVITATION,
    help: 'first bits of its prefix, as the file of --community has them',
    otherwise: 'default: by where it is',
  }),
  machineName: optional(nonEmpty('NAME'), {
    names: ['--name'],
    group: INVITATION,
    help: 'how the machine is called in lists',
  }),
  host: optional(nonEmpty('HOST'), {
    names: ['--host'],
    group: INVITATION,
    help: 'host under which machines find the registry, where it was started without --registry-url and --page-url',
    otherwise: 'default: the name of this machine',
  }),
  isTokenOnly: flag({
    names: ['--token-only'],
    group: INVITATION,
    help: 'print only the token, for a script',
  }),
  waitSeconds: withDefault(integer('S', 0, MAX_WAIT_SECONDS), 0, {
    names: ['--wait'],
    group: 'Registry',
    help: 'seconds to wait for a registry that is starting',
  }),
  id: optional(nonEmpty('ID'), {
    names: ['--id'],
    group: INVITATION,
    help: 'which one, for "delete"',
  }),
  ...ASKED_REGISTRY,
} as const

/** The command `re6st-registry invite`. */
export const INVITE_COMMAND: Command<typeof INVITE> = {
  name: 're6st-registry invite',
  description:
    'With "new", makes an invitation, and prints the line to run on the machine that is to join: it is not shown again. With "list", lists invitations; with "delete", deletes one.',
  options: INVITE,
  takesOptionFiles: false,
  operand: {
    metavar: 'ACTION',
    help: `one of ${INVITE_ACTIONS.join(', ')}; without one, new`,
    required: false,
  },
}
/** What only a new one needs. */
const OF_NEW = [
  ...(['uses', 'days', 'email', 'community', 'machineName', 'host', 'isTokenOnly', 'waitSeconds'] as const),
] as const
export type InviteOptions = OptionsOf<typeof ASKED_REGISTRY> &
  (
    | ({ readonly action: 'new' } & Pick<OptionsOf<typeof INVITE>, (typeof OF_NEW)[number]>)
    | { readonly action: 'list' }
    | { readonly action: 'delete'; readonly id: string }
  )

/** Checks all options of `re6st-registry invite`, together. */
export function inviteOptions(words: ParsedWords): Result<InviteOptions> {
  const values = optionValues(INVITE_COMMAND, words)
  if (!values.ok) return values
  const { id, ...rest } = values.value
  const action = actionOf(INVITE_COMMAND.name, INVITE_ACTIONS, words.operand ?? 'new')
  if (!action.ok) return action
  const { database, commandSocket, json } = rest
  const common = { database, commandSocket, json }
  const useless = OF_NEW.find((option) => words.given.has(option))
  if (action.value !== 'new' && useless !== undefined)
    return refuse(`${INVITE[useless].names[0]}: is for "invite new" only`)
  if (action.value !== 'delete' && id !== undefined) return refuse('--id: is for "invite delete" only')
  const fault = faultOfCommunity(rest)
  if (fault !== undefined) return refuse(fault)
  if (json && rest.isTokenOnly) return refuse('--token-only: cannot be given together with --json')
  switch (action.value) {
    case 'new':
      return ok({ ...rest, action: 'new' })
    case 'list':
      return ok({ ...common, action: 'list' })
    case 'delete':
      return id === undefined
        ? refuse('--id: is needed by "invite delete": "invite list" has them')
        : ok({ ...common, action: 'delete', id })
  }
}

/** The command `re6st-registry revoke`. */
export const REVOKE_COMMAND: Command<typeof ASKED_REGISTRY> = {
  name: 're6st-registry revoke',
  description:
    'Shuts out a machine: all its certificates are revoked, and its prefix is free for another. With a serial number, revokes that certificate only, and the machine may renew it.',
  options: ASKED_REGISTRY,
  takesOptionFiles: false,
  operand: { metavar: 'WHAT', help: 'subnet name, like 5/16, or serial number', required: true },
}
export type RevokeOptions = OptionsOf<typeof ASKED_REGISTRY> & {
  readonly what: { readonly machine: string } | { readonly serial: number }
}

/** Checks all options of `re6st-registry revoke`, together. */
export function revokeOptions(words: ParsedWords): Result<RevokeOptions> {
  const values = optionValues(REVOKE_COMMAND, words)
  if (!values.ok) return values
  const what = words.operand ?? ''
  if (isLikeSubnetName(what)) return ok({ ...values.value, what: { machine: what } })
  return /^\d{1,15}$/.test(what) && Number(what) > 0
    ? ok({ ...values.value, what: { serial: Number(what) } })
    : refuse(`${what}: must be a subnet name like 5/16, or a serial number: "re6st-registry nodes" has them`)
}

const KEYS_ACTIONS = ['status', 'rotate'] as const

const KEYS = {
  isCutOffAccepted: flag({
    names: ['--cut-off'],
    group: ROTATION,
    help: 'take the step although machines would be cut off',
  }),
  ...ASKED_REGISTRY,
} as const

/** The command `re6st-registry keys`. */
export const KEYS_COMMAND: Command<typeof KEYS> = {
  name: 're6st-registry keys',
  description:
    'With "status", says where the rotation of the MAC keys is, and which machines have not followed. With "rotate", takes the next step, unless that would cut off machines: a whole rotation is three steps.',
  options: KEYS,
  takesOptionFiles: false,
  operand: { metavar: 'ACTION', help: `one of ${KEYS_ACTIONS.join(', ')}`, required: true },
}
export type KeysOptions = OptionsOf<typeof KEYS> & { readonly action: (typeof KEYS_ACTIONS)[number] }

/** Checks all options of `re6st-registry keys`, together. */
export function keysOptions(words: ParsedWords): Result<KeysOptions> {
  const values = optionValues(KEYS_COMMAND, words)
  if (!values.ok) return values
  const action = actionOf(KEYS_COMMAND.name, KEYS_ACTIONS, words.operand)
  if (!action.ok) return action
  if (action.value === 'status' && values.value.isCutOffAccepted)
    return refuse('--cut-off: is for "keys rotate" only')
  return ok({ ...values.value, action: action.value })
}

const CONFIG_ACTIONS = ['show', 'preview', 'change'] as const
const YES_NO = ['yes', 'no'] as const

const SETTINGS = {
  hello: optional(REGISTRY_OPTIONS.helloSeconds.type, {
    names: ['--hello'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.helloSeconds.help,
  }),
  clientCount: optional(REGISTRY_OPTIONS.clientCount.type, {
    names: ['--client-count'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.clientCount.help,
  }),
  maxClients: optional(REGISTRY_OPTIONS.maxClients.type, {
    names: ['--max-clients'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.maxClients.help,
  }),
  tunnelRefresh: optional(REGISTRY_OPTIONS.tunnelRefreshSeconds.type, {
    names: ['--tunnel-refresh'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.tunnelRefreshSeconds.help,
  }),
  encrypt: optional(oneOf('YES|NO', YES_NO), {
    names: ['--encrypt'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.encrypt.help,
  }),
  sameCountry: repeated(countryCode, {
    names: ['--same-country'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.sameCountry.help,
  }),
  isAnyCountry: flag({
    names: ['--any-country'],
    group: NETWORK,
    help: 'tunnels may cross all borders',
  }),
  minProtocol: optional(integer('N', OLDEST_PROTOCOL, PROTOCOL), {
    names: ['--min-protocol'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.minProtocol.help,
  }),
  ipv4: optional(ipv4Range, {
    names: ['--ipv4'],
    group: NETWORK,
    help: REGISTRY_OPTIONS.ipv4.help,
  }),
  isWithoutIpv4: flag({
    names: ['--no-ipv4'],
    group: NETWORK,
    help: 'nodes have no IPv4 subnets',
  }),
} as const

const CONFIG = { ...SETTINGS, ...ASKED_REGISTRY } as const

/** The command `re6st-registry config`. */
export const CONFIG_COMMAND: Command<typeof CONFIG> = {
  name: 're6st-registry config',
  description:
    'With "show", prints the configuration of the network. With "preview", says what a change would do on each node, and which are too old for it. With "change", makes it: it is published at once.',
  options: CONFIG,
  takesOptionFiles: false,
  operand: { metavar: 'ACTION', help: `one of ${CONFIG_ACTIONS.join(', ')}`, required: true },
}

/** What is to be changed; what is missing stays. */
export interface SettingsChange {
  readonly hello?: number
  readonly clientCount?: number
  readonly maxClients?: number
  readonly tunnelRefresh?: number
  readonly encrypt?: boolean
  readonly sameCountry?: string[]
  readonly minProtocol?: number
  readonly ipv4?: { range: string; subnetBits: number } | null
}
export type ConfigOptions = OptionsOf<typeof ASKED_REGISTRY> & {
  readonly action: (typeof CONFIG_ACTIONS)[number]
  readonly change: SettingsChange
}

/** Checks all options of `re6st-registry config`, together. */
export function configOptions(words: ParsedWords): Result<ConfigOptions> {
  const values = optionValues(CONFIG_COMMAND, words)
  if (!values.ok) return values
  const action = actionOf(CONFIG_COMMAND.name, CONFIG_ACTIONS, words.operand)
  if (!action.ok) return action
  const given = (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]).filter((name) => words.given.has(name))
  const [first] = given
  if (action.value === 'show' && first !== undefined)
    return refuse(`${SETTINGS[first].names[0]}: is for "config preview" and "config change" only`)
  if (action.value !== 'show' && first === undefined)
    return refuse(`nothing is to be changed: see ${CONFIG_COMMAND.name} --help`)
  const { database, commandSocket, json, ...settings } = values.value
  const { isAnyCountry, isWithoutIpv4, sameCountry, encrypt, ipv4, ...numbers } = settings
  if (isAnyCountry && sameCountry.length > 0) return refuse('--any-country: not together with --same-country')
  if (isWithoutIpv4 && ipv4) return refuse('--no-ipv4: not together with --ipv4')
  const change = {
    ...numbers,
    encrypt: encrypt === undefined ? undefined : encrypt === 'yes',
    sameCountry: isAnyCountry || sameCountry.length > 0 ? [...sameCountry] : undefined,
    ipv4: isWithoutIpv4 ? null : ipv4 && { ...ipv4 },
  }
  return ok({
    ...{ database, commandSocket, json, action: action.value },
    change: Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)),
  })
}

/** The action that a command is told by its first word. */
export function actionOf<const Action extends string>(
  command: string,
  actions: readonly Action[],
  word = '',
  example: Action | undefined = actions[0],
): Result<Action> {
  const action = actions.find((one) => one === word)
  return action === undefined
    ? refuse(`${word}: must be one of ${actions.join(', ')}, as in "${command} ${example}"`)
    : ok(action)
}
