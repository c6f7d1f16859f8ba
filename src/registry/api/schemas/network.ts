import { type Static, Type } from 'typebox'
import { Authority } from './authority.ts'
import { SubnetName, Time } from './common.ts'
import { KeyRotation } from './keys.ts'
import { MachineState } from './machines.ts'

/** Numbers about the whole network, for the head of a page. */
export const NetworkOverview = Type.Object(
  {
    network: Type.String({ examples: ['2001:db8:42::/48'] }),
    registryMachine: Type.Optional(SubnetName),
    authority: Authority,
    configurationVersion: Type.Integer({ minimum: 0 }),
    machines: Type.Object({
      total: Type.Integer({ minimum: 0 }),
      online: Type.Integer({ minimum: 0 }),
      offline: Type.Integer({ minimum: 0 }),
      expiring: Type.Integer({
        minimum: 0,
        description: 'Their certificates end within 30 days, or have ended; they may be offline, too',
      }),
      neverSeen: Type.Integer({ minimum: 0 }),
      outdated: Type.Integer({ minimum: 0 }),
      revoked: Type.Integer({ minimum: 0, description: 'Certificates that would be valid still' }),
    }),
    invitations: Type.Integer({ minimum: 0, description: 'That can be used' }),
    keyRotation: KeyRotation,
    registry: Type.Object({ version: Type.String(), startedAt: Time }),
  },
  { $id: 'NetworkOverview' },
)
export type NetworkOverview = Static<typeof NetworkOverview>

/** A machine on the map. */
export const TopologyNode = Type.Object(
  {
    name: SubnetName,
    state: MachineState,
    version: Type.Optional(Type.String()),
    country: Type.Optional(Type.String()),
    latitude: Type.Optional(Type.Number()),
    longitude: Type.Optional(Type.Number()),
    notBefore: Type.Optional(Time),
    notAfter: Type.Optional(Time),
    machineName: Type.Optional(Type.String()),
  },
  { $id: 'TopologyNode' },
)
export type TopologyNode = Static<typeof TopologyNode>

/** A tunnel: who made it, to whom. */
export const TopologyTunnel = Type.Object(
  { client: SubnetName, server: SubnetName },
  { $id: 'TopologyTunnel' },
)
export type TopologyTunnel = Static<typeof TopologyTunnel>

/** The whole network as it was at one moment. */
export const TopologySnapshot = Type.Object(
  {
    revision: Type.Integer({ minimum: 0, description: 'Counts changes; events carry on from it' }),
    at: Time,
    nodes: Type.Array(TopologyNode),
    tunnels: Type.Array(TopologyTunnel),
  },
  { $id: 'TopologySnapshot' },
)
export type TopologySnapshot = Static<typeof TopologySnapshot>

/** What has changed since the revision before. The event `snapshot` of the stream carries a TopologySnapshot instead. */
export const TopologyChange = Type.Object(
  {
    revision: Type.Integer({ minimum: 1 }),
    at: Time,
    nodes: Type.Array(TopologyNode, { description: 'New ones, and those of which something differs' }),
    gone: Type.Array(SubnetName),
    tunnelsMade: Type.Array(TopologyTunnel),
    tunnelsEnded: Type.Array(TopologyTunnel),
  },
  { $id: 'TopologyChange' },
)
export type TopologyChange = Static<typeof TopologyChange>
