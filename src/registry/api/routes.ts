import { type Static, type TSchema, Type } from 'typebox'
import type { Role } from '../../core/values/roles.ts'
import * as access from './schemas/access.ts'
import * as audit from './schemas/audit.ts'
import * as authority from './schemas/authority.ts'
import { SubnetName } from './schemas/common.ts'
import * as configuration from './schemas/configuration.ts'
import * as invitations from './schemas/invitations.ts'
import * as keys from './schemas/keys.ts'
import * as machines from './schemas/machines.ts'
import * as network from './schemas/network.ts'
import * as setup from './schemas/setup.ts'
import * as standby from './schemas/standby.ts'

/** What a route of the API takes and says. Its path is below `/api/v1`; `:name` is a part of it. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly summary: string
  /** Who may call it; undefined: everybody. */
  readonly role: Role | undefined
  readonly params?: TSchema
  readonly query?: TSchema
  readonly body?: TSchema
  /** Undefined: nothing (204). */
  readonly answer: TSchema | undefined
  /** It answers with a way to another page (302). */
  readonly redirects?: boolean
  /** Of an answer that is no JSON. */
  readonly contentType?: string
  /** It sets a cookie, or takes it away. */
  readonly setsCookie?: boolean
  /** Statuses with which it refuses, beside those that follow from what it takes, and from who may call it. */
  readonly refusals?: readonly (401 | 404 | 409)[]
}

const BY_ID = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }) })
/** The `/` of a subnet name is written `%2F` in a path. */
const BY_NAME = Type.Object({ name: SubnetName })

/** All routes of the API, by the name of what they do. */
export const API_ROUTES = {
  setup: {
    method: 'GET',
    path: '/setup',
    role: undefined,
    summary: 'Whether there is a network',
    answer: setup.SetupState,
  },
  makeNetwork: {
    method: 'POST',
    path: '/setup',
    role: undefined,
    summary: 'Make a network, at the first start of a registry',
    body: setup.NewNetwork,
    refusals: [409],
    answer: setup.MadeNetwork,
  },
  signInMethods: {
    method: 'GET',
    path: '/session/methods',
    role: undefined,
    summary: 'How one can sign in',
    answer: access.SignInMethods,
  },
  signIn: {
    method: 'POST',
    path: '/session',
    role: undefined,
    summary: 'Sign in: sets a cookie',
    body: access.SignIn,
    setsCookie: true,
    refusals: [401],
    answer: access.Session,
  },
  certificateSignIn: {
    method: 'POST',
    path: '/session/certificate',
    role: undefined,
    summary: 'Sign in with the certificate that the browser has shown: sets a cookie',
    setsCookie: true,
    refusals: [401],
    answer: access.Session,
  },
  openIdSignIn: {
    method: 'GET',
    path: '/session/openid',
    role: undefined,
    summary: 'Sign in with OpenID Connect: for browsers, leads to the provider',
    redirects: true,
    setsCookie: true,
    refusals: [404],
    answer: undefined,
  },
  openIdReturn: {
    method: 'GET',
    path: '/session/openid/callback',
    role: undefined,
    summary: 'Where the provider leads back to: sets a cookie, and leads to the page',
    redirects: true,
    setsCookie: true,
    refusals: [404],
    answer: undefined,
  },
  session: {
    method: 'GET',
    path: '/session',
    role: 'look',
    summary: 'Who is signed in',
    answer: access.Session,
  },
  signOut: {
    method: 'DELETE',
    path: '/session',
    role: 'look',
    summary: 'Sign out',
    setsCookie: true,
    answer: undefined,
  },
  enrolmentInformation: {
    method: 'GET',
    path: '/enrolment',
    role: undefined,
    summary: 'What the page to enrol says',
    answer: invitations.EnrolmentInformation,
  },
  requestToken: {
    method: 'POST',
    path: '/enrolment/token',
    role: undefined,
    summary: 'Have a token mailed',
    body: invitations.TokenRequest,
    answer: undefined,
  },
  invitationState: {
    method: 'POST',
    path: '/enrolment/invitation',
    role: undefined,
    summary: 'Whether an invitation can be used',
    body: invitations.GivenInvitation,
    answer: invitations.InvitationState,
  },
  overview: {
    method: 'GET',
    path: '/network',
    role: 'look',
    summary: 'The network in numbers',
    answer: network.NetworkOverview,
  },
  authority: {
    method: 'GET',
    path: '/authority',
    role: 'look',
    summary: 'Who has the present certificate of the authority',
    answer: authority.AuthorityState,
  },
  topology: {
    method: 'GET',
    path: '/topology',
    role: 'look',
    summary: 'Machines and tunnels',
    answer: network.TopologySnapshot,
  },
  topologyEvents: {
    method: 'GET',
    path: '/topology/events',
    role: 'look',
    contentType: 'text/event-stream',
    summary:
      'What changes, as server-sent events: first `snapshot` with a TopologySnapshot, then `change` with a TopologyChange each, and `alive` every 1.5 s: whoever hears nothing has lost the connection',
    answer: network.TopologyChange,
  },
  machines: {
    method: 'GET',
    path: '/machines',
    role: 'look',
    summary: 'Machines: search, filter, sort',
    query: machines.MachineQuery,
    answer: machines.MachinePage,
  },
  machinesJson: {
    method: 'GET',
    path: '/exports/machines.json',
    role: 'look',
    summary: 'All machines of a query as a file, written as far as it is read',
    query: machines.MachineExportQuery,
    answer: machines.MachineList,
  },
  machinesCsv: {
    method: 'GET',
    path: '/exports/machines.csv',
    role: 'look',
    contentType: 'text/csv',
    summary: 'The same for a spreadsheet',
    query: machines.MachineExportQuery,
    answer: machines.MachineList,
  },
  machine: {
    method: 'GET',
    path: '/machines/:name',
    role: 'look',
    summary: 'One machine',
    params: BY_NAME,
    refusals: [404],
    answer: machines.MachineDetails,
  },
  route: {
    method: 'GET',
    path: '/machines/:name/route',
    role: 'look',
    summary: 'The way of packets from the registry to a machine, asked of each node on it',
    params: BY_NAME,
    refusals: [404],
    answer: machines.MachineRoute,
  },
  history: {
    method: 'GET',
    path: '/machines/:name/history',
    role: 'look',
    summary: 'What happened to a machine',
    params: BY_NAME,
    refusals: [404],
    answer: machines.MachineHistory,
  },
  revoke: {
    method: 'POST',
    path: '/revocations',
    role: 'administer',
    summary: 'Shut out a machine, or revoke a certificate',
    body: machines.Revocation,
    refusals: [404],
    answer: undefined,
  },
  invitations: {
    method: 'GET',
    path: '/invitations',
    role: 'look',
    summary: 'Invitations, the latest first',
    query: invitations.InvitationQuery,
    answer: invitations.InvitationPage,
  },
  invite: {
    method: 'POST',
    path: '/invitations',
    role: 'enrol',
    summary: 'Invite',
    body: invitations.NewInvitation,
    refusals: [409],
    answer: invitations.MadeInvitation,
  },
  deleteInvitation: {
    method: 'DELETE',
    path: '/invitations/:id',
    role: 'enrol',
    summary: 'Delete an invitation',
    params: BY_ID,
    refusals: [404],
    answer: undefined,
  },
  keyRotation: {
    method: 'GET',
    path: '/keys',
    role: 'look',
    summary: 'Where the rotation of the MAC keys is',
    answer: keys.KeyRotation,
  },
  rotateKeys: {
    method: 'POST',
    path: '/keys/rotation',
    role: 'administer',
    summary: 'Take the next step of it',
    body: keys.RotateKeys,
    refusals: [409],
    answer: keys.KeyRotation,
  },
  configuration: {
    method: 'GET',
    path: '/configuration',
    role: 'look',
    summary: 'Configuration of the network',
    answer: configuration.Configuration,
  },
  previewConfiguration: {
    method: 'POST',
    path: '/configuration/preview',
    role: 'look',
    summary: 'What a change would do',
    body: configuration.NetworkSettingsChange,
    answer: configuration.ConfigurationPreview,
  },
  changeConfiguration: {
    method: 'POST',
    path: '/configuration',
    role: 'administer',
    summary: 'Change it',
    body: configuration.ChangeConfiguration,
    refusals: [409],
    answer: configuration.Configuration,
  },
  audit: {
    method: 'GET',
    path: '/audit',
    role: 'look',
    summary: 'Who did what, the latest first',
    query: audit.AuditQuery,
    answer: audit.AuditPage,
  },
  verifyAudit: {
    method: 'GET',
    path: '/audit/verification',
    role: 'look',
    summary: 'Whether the audit log is whole',
    answer: audit.AuditVerification,
  },
  pair: {
    method: 'GET',
    path: '/pair',
    role: 'look',
    summary: 'How the pair of registries is',
    answer: standby.PairState,
  },
  dropStandby: {
    method: 'POST',
    path: '/pair/drop',
    role: 'administer',
    summary: 'Go on without the standby, which is away',
    refusals: [409],
    answer: standby.PairState,
  },
  promote: {
    method: 'POST',
    path: '/pair/promotion',
    role: 'administer',
    summary: 'Promote this standby: it serves the network from now on. Only where commands ask',
    body: standby.Promotion,
    refusals: [404, 409],
    answer: standby.PairState,
  },
  bearerTokens: {
    method: 'GET',
    path: '/tokens',
    role: 'administer',
    summary: 'Bearer tokens',
    answer: access.BearerTokens,
  },
  makeBearerToken: {
    method: 'POST',
    path: '/tokens',
    role: 'administer',
    summary: 'Make a bearer token: shown once',
    body: access.NewBearerToken,
    refusals: [409],
    answer: access.MadeBearerToken,
  },
  deleteBearerToken: {
    method: 'DELETE',
    path: '/tokens/:id',
    role: 'administer',
    summary: 'Delete a bearer token',
    params: BY_ID,
    refusals: [404],
    answer: undefined,
  },
  administrators: {
    method: 'GET',
    path: '/administrators',
    role: 'administer',
    summary: 'Administrators, and who is signed in',
    answer: access.Administrators,
  },
  addAdministrator: {
    method: 'POST',
    path: '/administrators',
    role: 'administer',
    summary: 'Add an administrator',
    body: access.NewAdministrator,
    refusals: [409],
    answer: access.MadeAdministrator,
  },
  changeAdministrator: {
    method: 'POST',
    path: '/administrators/:name',
    role: 'administer',
    summary: 'Give another role, disable or enable: sessions end',
    params: access.ByAdministrator,
    body: access.AdministratorChange,
    refusals: [404, 409],
    answer: undefined,
  },
  setPassword: {
    method: 'POST',
    path: '/administrators/:name/password',
    role: 'administer',
    summary: 'Give another password to an administrator: sessions end',
    params: access.ByAdministrator,
    body: access.NewPassword,
    refusals: [404],
    answer: access.MadeAdministrator,
  },
  removeAdministrator: {
    method: 'DELETE',
    path: '/administrators/:name',
    role: 'administer',
    summary: 'Remove an administrator: sessions end',
    params: access.ByAdministrator,
    refusals: [404, 409],
    answer: undefined,
  },
  endSessions: {
    method: 'POST',
    path: '/sessions/end',
    role: 'administer',
    summary: 'End all sessions of one name, also of OpenID Connect',
    body: access.SessionsEnd,
    refusals: [404],
    answer: undefined,
  },
} as const satisfies Record<string, ApiRoute>

/** Name of a route. */
export type ApiRouteName = keyof typeof API_ROUTES

/** What a route takes (`params`, `query`, `body`), or says (`answer`); undefined: nothing. */
export type RoutePart<Name extends ApiRouteName, Key extends 'params' | 'query' | 'body' | 'answer'> =
  (typeof API_ROUTES)[Name] extends Readonly<Record<Key, infer Schema extends TSchema>>
    ? Static<Schema>
    : undefined
