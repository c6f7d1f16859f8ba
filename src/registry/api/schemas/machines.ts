import { type Static, Type } from 'typebox'
import { IMPLEMENTATIONS } from '../../../core/values/implementations.ts'
import {
  MACHINE_QUERY_BOUNDS,
  MACHINE_SEARCH_LENGTH,
  WANTED_AUTHORITY,
} from '../../../core/values/machine-query-bounds.ts'
import { MACHINE_SORT_KEYS } from '../../../core/values/machine-sort-keys.ts'
import { MACHINE_STATES } from '../../../core/values/machine-states.ts'
import { CLOSED, PAGING, pageOf, SubnetName, Time } from './common.ts'

/** How a machine is. Of several that are true, the one that needs somebody most. */
export const MachineState = Type.Enum(MACHINE_STATES, {
  $id: 'MachineState',
  description:
    'revoked: its certificate; never-seen: since it was enrolled; offline: no route to it; expiring: within 30 days; outdated: its version is older than the registry; online: none of these',
})

/** Where a machine is, by its address. */
export const Place = Type.Object(
  {
    country: Type.Optional(Type.String({ description: 'Two letters (ISO 3166)' })),
    continent: Type.Optional(Type.String({ description: 'Two letters' })),
    latitude: Type.Optional(Type.Number({ minimum: -90, maximum: 90 })),
    longitude: Type.Optional(Type.Number({ minimum: -180, maximum: 180 })),
  },
  { $id: 'Place' },
)

/** A machine in a table. */
export const Machine = Type.Object(
  {
    name: SubnetName,
    subnet: Type.String({ examples: ['2001:db8:42:5::/64'] }),
    address: Type.String({ description: 'Of the machine itself, in the network' }),
    serial: Type.Integer({ minimum: 0 }),
    email: Type.Optional(Type.String()),
    machineName: Type.Optional(Type.String({ description: 'As the operator named it when inviting it' })),
    state: MachineState,
    isOnline: Type.Boolean({ description: 'Whether there is a route to it' }),
    lastSeen: Type.Optional(Time),
    notAfter: Time,
    version: Type.Optional(Type.String()),
    platform: Type.Optional(Type.String()),
    community: Type.Optional(Type.String({ description: 'Its first bits' })),
    place: Place,
  },
  { $id: 'Machine' },
)
export type Machine = Static<typeof Machine>

/** One machine, with all that is known. */
export const MachineDetails = Type.Object(
  {
    ...Machine.properties,
    notBefore: Time,
    subject: Type.String({ description: 'Of its certificate' }),
    fingerprint: Type.String({ description: 'SHA-256 of its certificate' }),
    isRegistryNode: Type.Boolean({ description: 'Whether the registry speaks to the network through it' }),
    addresses: Type.Array(Type.String(), { description: 'Where it was last seen, outside of the network' }),
    tunnels: Type.Array(
      Type.Object({
        peer: SubnetName,
        direction: Type.Union([Type.Literal('outgoing'), Type.Literal('incoming')], {
          description: 'outgoing: this machine has made it',
        }),
      }),
    ),
    issued: Type.Array(Type.Object({ serial: Type.Integer(), notAfter: Time, isRevoked: Type.Boolean() }), {
      description: 'All its certificates that would be valid still',
    }),
  },
  { $id: 'MachineDetails' },
)
export type MachineDetails = Static<typeof MachineDetails>

const RouteHop = Type.Object({
  name: SubnetName,
  by: Type.Union([Type.Literal('routing'), Type.Literal('tunnels')], {
    description:
      'How it is known. routing: the node before it says so; tunnels: guessed, the node before it does not know the question',
  }),
  linkMs: Type.Optional(
    Type.Number({
      minimum: 0,
      description: 'Round-trip time of the link to it, as the node before it measures it',
    }),
  ),
})
export type RouteHop = Static<typeof RouteHop>

/** The way of packets from the registry to a machine. */
export const MachineRoute = Type.Object(
  {
    hops: Type.Array(RouteHop, {
      description: 'Hop by hop, from the node of the registry on, as the routing of each node has it',
    }),
    metric: Type.Optional(
      Type.Number({ minimum: 0, description: 'Of the whole, as the node of the registry has it' }),
    ),
    problem: Type.Optional(
      Type.String({ description: 'Why it is not known to its end, or only guessed there' }),
    ),
  },
  { $id: 'MachineRoute' },
)
export type MachineRoute = Static<typeof MachineRoute>

export const MachinePage = Type.Object(
  {
    ...pageOf(Machine, 'MachinePage').properties,
    next: Type.Optional(
      Type.String({
        description: 'What to give as `after` for the next page; missing: this is the last one',
      }),
    ),
    isTotalAtLeast: Type.Optional(
      Type.Literal(true, { description: 'There are more than `total`: so many are not counted' }),
    ),
    isMore: Type.Optional(
      Type.Literal(true, {
        description:
          'So many were found by what is searched for that there may be others: a longer text finds fewer',
      }),
    ),
  },
  { $id: 'MachinePage' },
)
export type MachinePage = Static<typeof MachinePage>

/** Which machines, in which order. Of those that are asked for by what they have said, or by their numbers, none has a certificate that has ended. */
const WANTED = {
  search: Type.Optional(
    Type.String({
      maxLength: MACHINE_SEARCH_LENGTH,
      description:
        'Part of a name or an e-mail address, where there are more than 5,000 machines what a word in it begins with; a subnet name, a subnet, any address in it, or a serial',
    }),
  ),
  state: Type.Optional(MachineState),
  community: Type.Optional(Type.String({ pattern: '^[01]{0,128}$' })),
  country: Type.Optional(Type.String({ pattern: '^[A-Z]{2}$' })),
  configuration: Type.Optional(
    Type.Literal('behind', {
      description: 'Those that have not asked for the present configuration of the network',
    }),
  ),
  authority: Type.Optional(
    Type.String({
      pattern: WANTED_AUTHORITY.source,
      description:
        'Those that have the certificate of the authority with this fingerprint; unknown: those of which nobody knows which one they have',
    }),
  ),
  protocolBelow: Type.Optional(
    Type.Integer({
      ...MACHINE_QUERY_BOUNDS.protocolBelow,
      description: 'Those that have called, and speak an older protocol',
    }),
  ),
  implementation: Type.Optional(
    Type.Enum(IMPLEMENTATIONS, { description: 'Those that run this one, as they say when they call' }),
  ),
  subjectSerialFrom: Type.Optional(
    Type.Integer({
      ...MACHINE_QUERY_BOUNDS.subjectSerialFrom,
      description:
        'Those whose certificates have at least this serial number in their subjects, which chooses the IPv4 subnet',
    }),
  ),
  sort: Type.Optional(Type.Enum(MACHINE_SORT_KEYS)),
  order: Type.Optional(Type.Union([Type.Literal('ascending'), Type.Literal('descending')])),
} as const

/** Which machines a file has. */
export const MachineExportQuery = Type.Object(WANTED, CLOSED)
export type MachineExportQuery = Static<typeof MachineExportQuery>

/** All machines of a query, in one file. */
export const MachineList = Type.Array(Machine, { $id: 'MachineList' })

/** Which page of which machines. */
export const MachineQuery = Type.Object(
  {
    ...WANTED,
    after: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{1,4000}$',
        description:
          '`next` of the page before, for the one after it: none is on two pages or on none, and it takes no longer however far it is',
      }),
    ),
    ...PAGING,
  },
  CLOSED,
)
export type MachineQuery = Static<typeof MachineQuery>

/** What happened to a machine. */
export const MachineEvent = Type.Object(
  {
    at: Time,
    kind: Type.Union([
      Type.Literal('enrolled'),
      Type.Literal('renewed'),
      Type.Literal('revoked'),
      Type.Literal('seen'),
      Type.Literal('lost'),
      Type.Literal('moved'),
    ]),
    detail: Type.Optional(Type.String({ description: 'The serial, or where it has moved to' })),
  },
  { $id: 'MachineEvent' },
)
export type MachineEvent = Static<typeof MachineEvent>

/** History of a machine, the latest first; how much of each day it was there. */
export const MachineHistory = Type.Object(
  {
    events: Type.Array(MachineEvent),
    availability: Type.Array(
      Type.Object({
        day: Type.String({ format: 'date' }),
        share: Type.Optional(
          Type.Number({
            minimum: 0,
            maximum: 1,
            description: 'Missing: nobody has looked on that day, or it had not joined yet',
          }),
        ),
      }),
      { description: 'The last 90 days, the oldest first' },
    ),
  },
  { $id: 'MachineHistory' },
)
export type MachineHistory = Static<typeof MachineHistory>

/** Whom to revoke. */
export const Revocation = Type.Union(
  [
    Type.Object({ machine: SubnetName }, { additionalProperties: false }),
    Type.Object(
      { serial: Type.Integer({ minimum: 1, maximum: 999_999_999_999_999 }) },
      { additionalProperties: false },
    ),
  ],
  {
    $id: 'Revocation',
    description:
      'A machine: all its certificates, and its prefix is free for another. A serial: that certificate only; the machine may renew it',
  },
)
export type Revocation = Static<typeof Revocation>
