import { prefixOfBits, subnetNameOfBits } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import { VERSION } from '../../platform/version.ts'
import type { Authorities } from '../authorities.ts'
import type { NetworkConfiguration } from '../configuration.ts'
import type { Store } from '../database/store.ts'
import type { KnownAddresses } from '../known-addresses.ts'
import type { Ledger } from '../ledger.ts'
import type { MachineSoftware } from '../machine-software.ts'
import { Refusal } from '../refusal.ts'
import { revoke } from '../revocation.ts'
import { keptAnswer } from '../server/one-answer.ts'
import type { Sessions } from '../sessions.ts'
import type { TokenRequests } from '../token-requests.ts'
import {
  administrators,
  changeAdministrator,
  removeAdministrator,
  setAdministrator,
  setPassword,
} from './access/administrators.ts'
import type { BearerTokens } from './access/bearer-tokens.ts'
import { newPassword } from './access/password.ts'
import { Sessions as BrowserSessions } from './access/sessions.ts'
import { AffectedBy } from './affected-by.ts'
import { audit, auditEntries, entryOf, verifyAudit } from './audit-log.ts'
import type { authorityOf } from './authority-overview.ts'
import { authorityState } from './authority-state.ts'
import type { ApiHandlers } from './call.ts'
import { historyOf } from './history.ts'
import type { Invitations } from './invitations.ts'
import { type KeyRotationComponents, keyRotation, rotateKeys } from './key-rotation.ts'
import type { Machines } from './machines.ts'
import {
  changeConfiguration,
  configurationOf,
  type NetworkSettingsComponents,
  previewConfiguration,
} from './network-settings.ts'
import { API_BASE } from './openapi.ts'
import { type PairComponents, pairState } from './pair.ts'
import { API_ROUTES } from './routes.ts'
import { timeOf } from './time.ts'
import type { TopologyWatch } from './topology-watch.ts'

/** What the API does its work with. */
export interface HandlerComponents {
  readonly store: Store
  readonly ledger: Ledger
  readonly configuration: NetworkConfiguration
  readonly rpcSessions: Sessions
  readonly known: Pick<KnownAddresses, 'forget'>
  readonly tokenRequests: Pick<TokenRequests, 'request'>
  readonly machines: Machines
  readonly watch: TopologyWatch
  readonly invitations: Invitations
  readonly bearerTokens: BearerTokens
  readonly clock: Clock
  readonly network: string
  readonly authority: ReturnType<typeof authorityOf>
  readonly authorities: Authorities
  readonly software: MachineSoftware
  readonly registryUrl: (pageUrl: string) => string
  /** Whether `baseUrl` of a call is where the page is, whoever calls. */
  readonly isPageUrlKnown: boolean
  /** Of the provider of OpenID Connect, if there is one. */
  readonly openIdName: string | undefined
  /** Whether administrators may sign in by certificate. */
  readonly hasCertificates: boolean
  readonly isByMail: boolean
  readonly isAnonymous: boolean
  readonly hasGeoIp: boolean
  readonly startedAtMs: number
  readonly primary: PairComponents['primary']
}

/** What each route does. */
export function apiHandlers(components: HandlerComponents): ApiHandlers {
  const { store, ledger, configuration, rpcSessions, machines, watch, invitations, bearerTokens, clock } =
    components
  const browserSessions = new BrowserSessions(store, clock)
  const rotation: KeyRotationComponents = components
  // Both count all machines.
  const affected = keptAnswer(() => AffectedBy.begin(components), clock)
  const authority = keptAnswer(() => authorityState(components), clock)
  const settings: NetworkSettingsComponents = { ...components, affected }
  return {
    setup: () => ({ isNeeded: false }),
    makeNetwork() {
      throw new Refusal(409, 'there is a network already')
    },

    signInMethods: async () => ({
      isPassword: true,
      isCertificate: components.hasCertificates,
      ...(components.openIdName === undefined
        ? {}
        : { openId: { name: components.openIdName, url: `${API_BASE}${API_ROUTES.openIdSignIn.path}` } }),
      isFirstStart: (await store.all('SELECT 1 FROM admin LIMIT 1')).length === 0,
    }),

    session: ({ who }) => browserSessions.tell(who),

    enrolmentInformation: ({ baseUrl }) => ({
      registryUrl: components.registryUrl(baseUrl),
      fingerprint: components.authority.fingerprint,
      isByMail: components.isByMail,
      isAnonymous: components.isAnonymous,
    }),

    async requestToken({ body: { email }, source }) {
      await components.tokenRequests.request(email, source)
      return undefined
    },

    invitationState: ({ body: { token } }) => invitations.state(token),

    async overview() {
      await watch.look()
      const counts = await machines.counts()
      const own = configuration.registryPrefix
      return {
        network: components.network,
        ...(own === undefined ? {} : { registryMachine: subnetNameOfBits(own) }),
        authority: components.authority,
        configurationVersion: configuration.versionNumber,
        machines: {
          total: await ledger.size(),
          online: counts.online,
          offline: counts.offline,
          expiring: await machines.countExpiring(),
          neverSeen: counts['never-seen'],
          outdated: counts.outdated,
          revoked: (await store.crl(Math.floor(clock.now() / 1000))).length,
        },
        invitations: await invitations.countUsable(),
        keyRotation: await keyRotation(rotation),
        registry: { version: VERSION, startedAt: timeOf(components.startedAtMs / 1000) },
      }
    },

    authority,
    topology: () => watch.snapshot(),
    machines: ({ query }) => machines.list(query),
    machine: ({ params: { name } }) => machines.details(name),
    route: ({ params: { name } }) => machines.route(name),
    history: async ({ params: { name } }) =>
      historyOf(store, (await machines.holder(name)).prefix, clock.now()),

    async revoke({ body, who }) {
      const subject = 'machine' in body ? body.machine : String(body.serial)
      const action = 'machine' in body ? 'machine.revoked' : 'certificate.revoked'
      const prefix = await revoke({ store, ledger, clock }, subject, async (writable) => {
        await audit(writable, who, { action, subject }, clock.now())
      })
      if (prefix !== undefined) {
        await rpcSessions.end(prefix)
        components.known.forget(prefixOfBits(prefix))
      }
      // It is written: when it cannot be published now, that is tried again.
      await configuration.publish()
      return undefined
    },

    invitations: ({ query }) => invitations.list(query),
    invite: ({ body, who, baseUrl }) =>
      // Whoever asks by the socket has no page in front of him that would say where it is.
      invitations.make(who, body, { baseUrl, hasPage: who.by !== 'local' || components.isPageUrlKnown }),
    async deleteInvitation({ params: { id }, who }) {
      await invitations.delete(who, id)
      return undefined
    },

    keyRotation: () => keyRotation(rotation),
    rotateKeys: ({ body, who }) => rotateKeys(rotation, who, body),

    configuration: () => configurationOf(configuration),
    previewConfiguration: ({ body }) => previewConfiguration(settings, body),
    changeConfiguration: ({ body, who }) => changeConfiguration(settings, who, body),

    async audit({ query }) {
      const { total, rows } = await auditEntries(store, query)
      return { total, items: rows.map(entryOf) }
    },
    verifyAudit: () => verifyAudit(store),

    pair: () => pairState(components),
    async dropStandby({ who }) {
      if (!components.primary)
        throw new Refusal(409, 'this registry has no standby: it was started without --peer')
      await components.primary.drop(who)
      return pairState(components)
    },
    promote() {
      throw new Refusal(409, 'this registry serves already')
    },

    bearerTokens: async () => ({ items: await bearerTokens.list() }),
    makeBearerToken: ({ body, who }) => bearerTokens.make(who, body),
    async deleteBearerToken({ params: { id }, who }) {
      await bearerTokens.delete(who, id)
      return undefined
    },

    async administrators() {
      const sessions = await browserSessions.count()
      const items = (await administrators(store)).map(({ name, role, date, isDisabled }) => ({
        ...{ name, role, isDisabled },
        passwordSetAt: timeOf(date),
        sessions: sessions.get(name) ?? 0,
      }))
      const names = new Set(items.map(({ name }) => name))
      const elsewhere = [...sessions].filter(([name]) => !names.has(name))
      return { items, elsewhere: elsewhere.map(([name, count]) => ({ name, sessions: count })) }
    },
    async addAdministrator({ body: { name, role, password }, who }) {
      const made = password ?? newPassword()
      await setAdministrator(store, who, { name, role, password: made, isNew: true }, clock.now())
      return { name, role, ...(password === undefined ? { password: made } : {}) }
    },
    async setPassword({ params: { name }, body: { password }, who }) {
      const made = password ?? newPassword()
      const role = await setPassword(store, who, { name, password: made }, clock.now())
      return { name, role, ...(password === undefined ? { password: made } : {}) }
    },
    async changeAdministrator({ params: { name }, body, who }) {
      await changeAdministrator(store, who, { ...body, name }, clock.now())
      return undefined
    },
    async removeAdministrator({ params: { name }, who }) {
      await removeAdministrator(store, who, { name, mayBeLast: false }, clock.now())
      return undefined
    },
    async endSessions({ body: { name }, who }) {
      await browserSessions.endAll(who, name)
      return undefined
    },
  }
}
