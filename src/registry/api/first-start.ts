import { randomBytes } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { Re6stError } from '../../core/errors.ts'
import { isSameOctets } from '../../core/octets.ts'
import type { ListenPlace } from '../../core/options/value-types.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import { bracketed } from '../../core/values/bracketed.ts'
import { isEmailAddress } from '../../core/values/email-address.ts'
import { networkOfCidr } from '../../core/values/network-range.ts'
import { CleanUp } from '../../platform/clean-up.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { isUsed } from '../database/copy-store.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import type { Queries } from '../database/queries.ts'
import { writeNewAuthority } from '../new-authority.ts'
import { DEFAULT_SENDER, nodeSteps } from '../node-steps.ts'
import { Refusal } from '../refusal.ts'
import { isLoopback } from '../server/caller.ts'
import { Connections } from '../server/connections.ts'
import { closeServer, listen } from '../server/listen.ts'
import { pageHandshakes } from '../server/page-handshakes.ts'
import { Sources } from '../server/sources.ts'
import type { TlsCredentials } from '../server/tls-credentials.ts'
import { writeChangedSettings } from '../stored-configuration.ts'
import { administratorWrite } from './access/administrators.ts'
import { addRoute, newApiApp } from './api-app.ts'
import { ApiRefusal } from './api-refusal.ts'
import { audit } from './audit-log.ts'
import { boundConnections } from './bounded-connections.ts'
import { API_LIMITS } from './limits.ts'
import { API_ROUTES, type ApiRoute } from './routes.ts'
import type { MadeNetwork, NewNetwork } from './schemas/setup.ts'
import { readStaticFiles } from './static-files.ts'
import { whenAnswered } from './when-answered.ts'

/** Octets of the code that whoever makes the network must have. */
const CODE_LENGTH = 18
/** Attempts to guess it. */
const ATTEMPTS = { perSecond: 1, burst: 10 }
const KEY_BITS = 2048

/** What the first start of a registry needs. */
export interface FirstStartSettings {
  /** Where the page is. */
  readonly place: ListenPlace
  readonly pageUrl: string | undefined
  readonly pageFolder: string
  /** Paths of the authority that is to be made. */
  readonly ca: string
  readonly key: string
  readonly databasePath: string
  readonly commandSocket: string | undefined
  /** Where the registry will be, for the node of its machine. */
  readonly registryUrl: string
  /** Certificate and key of a page that speaks TLS itself. */
  readonly tls: TlsCredentials | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** A page that offers to make a network. */
export interface FirstStart extends AsyncDisposable {
  /** Where the page is, with the code; of a Unix socket only the code is known. */
  readonly url: string
  /** Resolves when the network was made, and whoever has made it knows. */
  readonly made: Promise<void>
}

/**
 * Serves the page where a network can be made: by whoever has the code, which is printed where only the operator reads it.
 * An administrator and the wish to encrypt go into the database; what the registry starts with is in its files then.
 * @throws Re6stError `SYSTEM` when the page cannot be listened for
 */
export async function openFirstStart(settings: FirstStartSettings): Promise<FirstStart> {
  const { place, pageUrl, tls, clock, log } = settings
  await using stack = new CleanUp()
  const code = randomBytes(CODE_LENGTH).toString('base64url')
  const attempts = new TokenBucket(ATTEMPTS.perSecond, ATTEMPTS.burst)
  let state: 'open' | 'making' | 'made' = 'open'
  let tellMade: () => void = () => {}
  const made = new Promise<void>((resolve) => {
    tellMade = resolve
  })
  const app = newApiApp({
    files: await readStaticFiles(settings.pageFolder),
    url: pageUrl,
    isLocal: false,
    admit: () => {},
    log,
    clock,
  })
  const make = async (wanted: NewNetwork, from: string): Promise<MadeNetwork> => {
    // Whoever has the code need not wait for those who guess.
    if (!isSameOctets(Buffer.from(wanted.code), Buffer.from(code))) {
      if (!attempts.take(clock.monotonicMs()))
        throw new ApiRefusal(429, 'too-many', 'too many attempts: wait', {
          retryAfterMs: attempts.waitMs(clock.monotonicMs()),
        })
      throw new ApiRefusal(403, 'forbidden', 'the code is not the one that the registry has printed')
    }
    if (state !== 'open') throw new Refusal(409, 'somebody makes the network already')
    state = 'making'
    try {
      const network = await makeNetwork(settings, wanted, from)
      state = 'made'
      return network
    } finally {
      if (state === 'making') state = 'open'
    }
  }
  for (const [name, route] of Object.entries<ApiRoute>(API_ROUTES))
    addRoute(app, name, route, async ({ request, reply, read }) => {
      switch (name) {
        case 'setup':
          return { isNeeded: state === 'open' }
        case 'makeNetwork': {
          const answer = await make(read().body as NewNetwork, request.ip)
          whenAnswered(reply.raw, tellMade)
          return answer
        }
        default:
          throw new ApiRefusal(503, 'unavailable', 'there is no network yet')
      }
    })
  const handshakes = tls && pageHandshakes(tls, undefined, clock)
  boundConnections(app.server, {
    connections: new Connections(API_LIMITS),
    sources: new Sources(API_LIMITS),
    isShared: isLoopback,
    handshakes,
    clock,
  })
  await app.ready()
  const port = await listen(app.server, place)
  stack.defer(() => closeServer(app.server))
  // Before the server, which waits for what is open.
  stack.defer(() => handshakes?.[Symbol.dispose]())
  const running = stack.move()
  return {
    url: `${pageUrl ?? ownUrl(place, port, tls ? 'https' : 'http')}/#setup=${code}`,
    made,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

/** Where a browser on this machine finds the page. */
function ownUrl(place: ListenPlace, port: number | undefined, scheme: 'http' | 'https'): string {
  if (place.kind === 'socket') return place.path
  const isAny = place.address === '0.0.0.0' || place.address === '::'
  return `${scheme}://${isAny ? 'localhost' : bracketed(place.address)}:${port}`
}

/**
 * What the network is made with is in the database before its authority is there, without which no registry starts: whoever is killed in
 * between is asked again.
 * @throws Refusal, Re6stError when it cannot be: there is no authority then
 */
async function makeNetwork(
  { ca, key, databasePath, commandSocket, registryUrl, clock }: FirstStartSettings,
  wanted: NewNetwork,
  from: string,
): Promise<MadeNetwork> {
  const { name, email, days, encrypt, administrator } = wanted
  const prefix = wanted.prefix === undefined ? undefined : networkOfCidr(wanted.prefix)
  if (prefix && !prefix.ok) throw new Refusal(400, `prefix: ${prefix.reason}`)
  if (email !== undefined && !isEmailAddress(email)) throw new Refusal(400, 'email: not an e-mail address')
  const nowMs = clock.now()
  const actor = { name: `first start:${administrator.name}`, from }
  const writeAdministrator = await administratorWrite(actor, { ...administrator, role: 'administer' }, nowMs)
  await using store = await openStore(databasePath)
  await refuseUsed(store)
  const authority = await writeNewAuthority(
    {
      ...{ ca, key, remedy: 'name other files by --ca and --key' },
      ready: ({ network, fingerprint }) =>
        store.write(async (writable) => {
          // Another registry may have it, too.
          await refuseUsed(writable)
          await writeAdministrator(writable)
          await writeChangedSettings(writable, encrypt ? { encrypt } : {})
          const detail = { fingerprint, encrypt }
          await audit(writable, actor, { action: 'network.made', subject: network, detail }, nowMs)
        }),
    },
    { prefix: prefix?.value, name, email, keyBits: KEY_BITS, days },
    nowMs,
  ).catch((error: unknown) => {
    // Whoever has the code runs this machine: its files are no secret.
    throw error instanceof Re6stError ? new Refusal(409, error.message) : error
  })
  // Lines are run in another directory than this process.
  const registry = {
    url: registryUrl,
    database: isPostgresUrl(databasePath) ? databasePath : resolve(databasePath),
    commandSocket: commandSocket === undefined ? undefined : resolve(commandSocket),
  }
  return { ...authority, next: nodeSteps(dirname(resolve(ca)), registry, email ?? DEFAULT_SENDER) }
}

/** Two authorities have no network together. @throws Refusal 409 */
async function refuseUsed(queries: Queries): Promise<void> {
  if (await isUsed(queries))
    throw new Refusal(409, 'there is a network in the database: give back the files of its authority')
}
