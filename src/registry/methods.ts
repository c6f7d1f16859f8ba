import { createPublicKey, randomBytes } from 'node:crypto'
import { MAC_KEY_LENGTH } from '../core/config/network-config.ts'
import { METHODS, type MethodName } from '../core/rpc/methods.ts'
import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { COUNTRY_MIN_PROTOCOL, isIpv6Protocol, parseAddressList } from '../core/values/address-list.ts'
import { isBits } from '../core/values/bits.ts'
import {
  firstAddress,
  type Network,
  type Prefix,
  prefixOfBits,
  subnetNameOfBits,
} from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import { type AuditAction, audit } from './api/audit-log.ts'
import type { NetworkConfiguration } from './configuration.ts'
import type { CaCryptography } from './crypto/cryptography.ts'
import type { Store, Write } from './database/store.ts'
import type { Enrolment } from './enrolment.ts'
import type { GeoIp } from './geoip.ts'
import type { Holder } from './holders.ts'
import type { KnownAddresses } from './known-addresses.ts'
import type { Ledger } from './ledger.ts'
import type { LocalNode } from './local-node.ts'
import { formatProposal, Proposals } from './proposals.ts'
import type { ReachableNodes } from './reachable-nodes.ts'
import { Refusal } from './refusal.ts'
import { revoke } from './revocation.ts'
import type { Sessions } from './sessions.ts'
import { collectVersions, walkTopology } from './topology.ts'
import type { Delivery } from './unheard-certificates.ts'

/** Where a call comes from. */
export interface Caller {
  /** The peer's address, or the one that a proxy names. */
  readonly address: string
  /** Who asks; what a client says of itself does not count. */
  readonly client: string
  /** What counts as one source; undefined: of this machine, or a proxy that names nobody. */
  readonly source: string | undefined
}

/** What the methods need. */
export interface MethodComponents {
  readonly store: Store
  readonly ledger: Ledger
  readonly cryptography: Pick<CaCryptography, 'hello' | 'encryptTo'>
  readonly sessions: Sessions
  readonly configuration: NetworkConfiguration
  readonly enrolment: Enrolment
  readonly localNode: Pick<LocalNode, 'ask'>
  readonly reachable: ReachableNodes
  readonly known: KnownAddresses
  readonly geoip: GeoIp | undefined
  readonly clock: Clock
  readonly network: Network
  readonly caPem: string
  readonly dhPem: string | undefined
}

/** Result of a method; nothing, or empty, is answered by status 204. */
type Answer = Buffer | string | undefined
type Handler = (
  parameters: Readonly<Record<string, string>>,
  caller: Caller,
  delivery: Delivery,
) => Promise<Answer> | Answer
/** A handler for each method: one cannot be forgotten. */
export type Handlers = Readonly<Record<MethodName, Handler>>

const hasSameKey = (one: string, other: string): boolean =>
  createPublicKey(one).equals(createPublicKey(other))

/** The methods of protocol section 4. */
export function registryMethods(components: MethodComponents): Handlers {
  const {
    store,
    ledger,
    cryptography,
    sessions,
    configuration,
    enrolment,
    localNode,
    reachable,
    known,
    geoip,
    clock,
    network,
  } = components

  const certificateOf = async (prefix: string): Promise<string> => {
    const pem = await store.usableCertificate(prefix)
    if (!pem) throw new Refusal(404, 'there is no certificate for this prefix')
    return pem
  }

  const holderOfEmail = (email: string): Promise<Holder | undefined> => ledger.holderOfEmail(email)

  const ownNode = (): Prefix | undefined => {
    const prefix = configuration.registryPrefix
    return prefix === undefined ? undefined : prefixOfBits(prefix)
  }

  /** Nodes that can be asked, our own included. */
  const nodes = async (): Promise<Prefix[]> => {
    const own = ownNode()
    return own === undefined ? [] : [own, ...(await reachable.list()).filter((prefix) => prefix !== own)]
  }

  const proposals = new Proposals({ localNode, known, nodes, random: { next: () => Math.random() } })

  const proposalLimits = async (prefix: string, pem: string) => ({
    withCountry: ((await sessions.protocolOf(prefix)) ?? 0) >= COUNTRY_MIN_PROTOCOL,
    // RFC 8017, 7.2.1: what one RSA operation encrypts.
    maxLength: Math.floor((createPublicKey(pem).asymmetricKeyDetails?.modulusLength ?? 0) / 8) - 11,
  })

  /** What an operator does by a private method is in the audit log like all else. */
  const audited =
    ({ client }: Caller, action: AuditAction): Write =>
    (writable) =>
      audit(writable, { name: 'rpc', from: client }, action, clock.now())

  const handlers: Handlers = {
    async hello({ client_prefix: prefix = '', protocol = '' }) {
      if (!/^\d{1,5}$/.test(protocol)) throw new Refusal(400, 'protocol is not a number')
      if (!isBits(prefix)) throw new Refusal(400, 'client_prefix is not a prefix in bits')
      const pem = await certificateOf(prefix)
      const { secret, answer } = await cryptography.hello(pem)
      await sessions.begin(prefix, secret, { protocol: Number(protocol), nowMs: clock.monotonicMs() })
      // Time has passed: the machine may be revoked, and the prefix another's. Who revokes later ends the session itself. Who was only
      // renewed has the same key, and can read the answer.
      const present = await store.usableCertificate(prefix)
      if (present !== undefined && (present === pem || hasSameKey(present, pem))) return answer
      await sessions.withdraw(prefix, secret)
      throw new Refusal(404, 'the certificate for this prefix has changed')
    },

    getCa: () => components.caPem,

    async requestToken({ email = '' }, { source }) {
      await enrolment.tokenRequests.request(email, source)
      return undefined
    },

    requestCertificate: ({ token = '', req = '', location = '', ip = '' }, caller, delivery) =>
      enrolment.requestCertificate(token, req, {
        ...{ source: caller.source, delivery },
        location: () => enrolment.locationOf(location, ip === '' ? caller.address : ip),
      }),

    renewCertificate: ({ cn = '' }) => enrolment.renewCertificate(cn),

    getDh: () => components.dhPem,

    async getNetworkConfig({ cn = '' }) {
      const { version } = configuration
      const answer = await configuration.encode(await certificateOf(cn))
      configuration.followers.heardOf(cn, version)
      return answer
    },

    getCountry({ address = '' }) {
      if (!geoip) throw new Refusal(400, 'there is no GeoIP database (GEOIP2_MMDB)')
      return geoip.locate(address)?.country
    },

    async getBootstrapPeer({ cn = '' }) {
      const proposal = await proposals.propose(cn)
      const pem = await certificateOf(cn)
      const text = proposal && formatProposal(proposal, await proposalLimits(cn, pem))
      if (text === undefined) return undefined
      const [encrypted] = await cryptography.encryptTo(pem, [Buffer.from(text)])
      return encrypted
    },

    isToken: async ({ token = '' }) => ((await enrolment.tokens.isUsable(token)) ? '1' : undefined),

    async addToken({ email = '', token: given = '' }, caller) {
      // Whoever reads the log must not be able to use it.
      const also = audited(caller, { action: 'join_token.added', detail: { email } })
      const token = await enrolment.tokens.add(email, given, also)
      return given === '' ? token : undefined
    },

    async deleteToken({ token = '' }, caller) {
      await store.write(async (writable) => {
        const row = await writable.token(token)
        if (!(await writable.deleteToken(token))) return
        const detail = { email: row?.email ?? '' }
        await audited(caller, { action: 'join_token.deleted', detail })(writable)
      })
      return undefined
    },

    async revoke({ cn_or_serial: nameOrSerial = '' }, caller) {
      const subject = nameOrSerial.trim()
      const action = subject.includes('/') ? 'machine.revoked' : 'certificate.revoked'
      const also = audited(caller, { action, subject })
      const prefix = await revoke({ store, ledger, clock }, nameOrSerial, also)
      if (prefix !== undefined) {
        await sessions.end(prefix)
        known.forget(prefixOfBits(prefix))
      }
      await configuration.publish()
      return undefined
    },

    async updateHMAC(_, caller) {
      await configuration.rotateKeys(randomBytes(MAC_KEY_LENGTH), clock.now(), (step) =>
        audited(caller, { action: 'keys.rotated', subject: step }),
      )
      return undefined
    },

    async getNodePrefix({ email = '' }) {
      const holder = await holderOfEmail(email)
      return holder && subnetNameOfBits(holder.prefix)
    },

    async getIPv6Address({ email = '' }) {
      const holder = await holderOfEmail(email)
      return holder && firstAddress(network, prefixOfBits(holder.prefix))
    },

    async getIPv4Information({ email = '' }) {
      const holder = await holderOfEmail(email)
      const answer = holder && (await localNode.ask(prefixOfBits(holder.prefix), MESSAGE_CODE.addresses))
      const { addresses } = parseAddressList(answer?.toString('utf8') ?? '')
      return addresses.find(({ protocol }) => !isIpv6Protocol(protocol))?.host
    },

    async versions() {
      return JSON.stringify(
        await collectVersions((prefix, code) => localNode.ask(prefix, code), await nodes()),
      )
    },

    async topology() {
      const start = ownNode()
      return JSON.stringify(
        start === undefined
          ? { '': [] }
          : await walkTopology(
              (prefix, code) => localNode.ask(prefix, code),
              start,
              async (prefix) => (await ledger.holder(prefix)) !== undefined,
            ),
      )
    },
  }

  // Whoever has just proved who it is, is there.
  const noticed = Object.entries(handlers).map(([name, handler]: [string, Handler]): [string, Handler] =>
    METHODS[name as MethodName].access === 'authenticated'
      ? [
          name,
          (parameters, caller, delivery) => {
            known.heardFrom(prefixOfBits(parameters['cn'] ?? ''), caller.address)
            return handler(parameters, caller, delivery)
          },
        ]
      : [name, handler],
  )
  return Object.fromEntries(noticed) as Handlers
}
