import type { Implementation } from '../../core/values/implementations.ts'
import type { NetworkSettings } from './schemas/configuration.ts'
import type { MachineQuery } from './schemas/machines.ts'

/** Name of a setting. */
export type Setting = keyof NetworkSettings

/** Machines that a change hurts, or that do not heed it; what is to be known of them, and by which query they are found. */
export interface Affected {
  /** What happens to them. */
  readonly what: string
  readonly query: Pick<MachineQuery, 'protocolBelow' | 'implementation' | 'subjectSerialFrom'>
}

/** How a change depends on what a machine runs. */
export interface Dependence {
  /** For people; true also where nobody is affected. */
  readonly versions: string
  readonly affected?: Affected
}

/** From this protocol on, nodes know of countries (protocol, section 4). */
const COUNTRY_PROTOCOL = 7

const STARTS_AGAIN = 'starts itself again: all its tunnels drop, and are made anew'
const STARTS_AGAIN_UNLESS_CLIENT = `${STARTS_AGAIN}, unless it was started with --client`

/** What a node does when a setting changes, by whose implementation it runs. */
export const EFFECTS: Readonly<Record<Setting, Readonly<Record<Implementation, string>>>> = {
  hello: {
    own: 'takes it at once, and loses no tunnel; until its neighbours have it too, a link may be taken for dead when the new interval is longer',
    python: STARTS_AGAIN,
  },
  clientCount: {
    own: 'makes more tunnels, or closes the least useful ones; not where it was started with --client-count',
    python: STARTS_AGAIN_UNLESS_CLIENT,
  },
  maxClients: {
    own: 'accepts more clients, or no new ones until there are fewer; not where it was started with --max-clients',
    python: STARTS_AGAIN_UNLESS_CLIENT,
  },
  tunnelRefresh: {
    own: 'replaces its least useful tunnel after this time, from now on',
    python: STARTS_AGAIN_UNLESS_CLIENT,
  },
  encrypt: {
    own: 'starts its servers again: tunnels to it are made anew, with interruptions of some seconds',
    python: STARTS_AGAIN,
  },
  sameCountry: {
    own: 'closes its tunnels across these borders, and makes no others',
    python: STARTS_AGAIN_UNLESS_CLIENT,
  },
  minProtocol: {
    own: 'that is too old goes on with the configuration that it has, and takes no newer one; all others need not do anything',
    python: 'that is too old ends, and says so in its log; all others need not do anything',
  },
  ipv4: {
    own: 'changes its IPv4 subnet at once, and loses no tunnel; one that routes by babeld starts that again',
    python: STARTS_AGAIN,
  },
}

const ALL_VERSIONS = 'Nodes of all versions understand it: nothing in it depends on the version.'

/** Whom a change affects, by what they run or are. */
export function dependenceOf(setting: Setting, after: NetworkSettings): Dependence {
  switch (setting) {
    case 'encrypt':
      return after.encrypt
        ? { versions: ALL_VERSIONS }
        : {
            versions:
              'It depends on the implementation: without encryption, the Python one starts OpenVPN with an option that OpenVPN 2.6 and newer do not have.',
            affected: {
              what: 'run the Python implementation: where OpenVPN is 2.6 or newer, they have no tunnels any more',
              query: { implementation: 'python' },
            },
          }
    case 'sameCountry':
      return after.sameCountry.length === 0
        ? { versions: ALL_VERSIONS }
        : {
            versions: `It depends on the protocol: nodes of one before ${COUNTRY_PROTOCOL} know nothing of countries.`,
            affected: {
              what: `speak a protocol before ${COUNTRY_PROTOCOL}: they do not heed it, make tunnels across borders still, and do not say where they are`,
              query: { protocolBelow: COUNTRY_PROTOCOL },
            },
          }
    case 'minProtocol':
      return {
        versions:
          'It depends on the protocol alone; who says none when calling, as very old versions do, counts as 1.',
        affected: {
          what: `speak a protocol before ${after.minProtocol}: they are shut out until a newer version is installed there`,
          query: { protocolBelow: after.minProtocol },
        },
      }
    case 'ipv4':
      return after.ipv4 === null
        ? { versions: ALL_VERSIONS }
        : {
            versions:
              'Nodes of all versions understand it; which subnet a machine gets, and whether there is one for it, depends on the serial number in the subject of its certificate.',
            affected: {
              what: `have serial numbers in their subjects that do not fit into ${after.ipv4.subnetBits} bits: they have no IPv4 subnet`,
              query: { subjectSerialFrom: 2 ** after.ipv4.subnetBits },
            },
          }
    default:
      return { versions: ALL_VERSIONS }
  }
}
