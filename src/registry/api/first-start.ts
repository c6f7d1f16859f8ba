import { randomBytes } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { Re6stError } from '../../core/errors.ts'
import { isSameOctets } from '../../core/octets.ts'
import type { ListenPlace } from '../../core/options/value-types.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import { bracketed } from '../../core/values/bracketed.ts'
import { isEmailAddress } from '../../core/values/email-address.ts'
import { networkOfCidr } from '../../core/values/network-range.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import { writeNewAuthority } from '../new-authority.ts'
import { DEFAULT_SENDER, localUrl, nodeSteps } from '../node-steps.ts'
import { Refusal } from '../refusal.ts'
import { isLoopback } from '../server/caller.ts'
import { Connections } from '../server/connections.ts'
import { closeServer, listen } from '../server/listen.ts'
import { Sources } from '../server/sources.ts'
import { setAdministrator } from './access/administrators.ts'
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
  /** Port of the registry. */
  readonly port: number
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'after'>
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
  const { place, pageUrl, clock, log } = settings
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
  boundConnections(app.server, {
    connections: new Connections(API_LIMITS),
    sources: new Sources(API_LIMITS),
    isShared: isLoopback,
    handshakes: undefined,
    clock,
  })
  await app.ready()
  const port = await listen(app.server, place)
  const host = place.kind === 'socket' ? place.path : `http://${bracketed(place.address)}:${port}`
  return {
    url: `${pageUrl ?? host}/#setup=${code}`,
    made,
    [Symbol.asyncDispose]: () => closeServer(app.server),
  }
}

/** @throws Refusal, Re6stError when it cannot be: nothing but perhaps an administrator is there then */
async function makeNetwork(
  { ca, key, databasePath, commandSocket, port, clock }: FirstStartSettings,
  wanted: NewNetwork,
  from: string,
): Promise<MadeNetwork> {
  const { name, email, days, encrypt, administrator } = wanted
  const prefix = wanted.prefix === undefined ? undefined : networkOfCidr(wanted.prefix)
  if (prefix && !prefix.ok) throw new Refusal(400, `prefix: ${prefix.reason}`)
  if (email !== undefined && !isEmailAddress(email)) throw new Refusal(400, 'email: not an e-mail address')
  const nowMs = clock.now()
  const actor = { name: `first start:${administrator.name}`, from }
  await using store = await openStore(databasePath)
  if ((await store.all('SELECT 1 FROM cert WHERE cert IS NOT NULL LIMIT 1')).length > 0)
    throw new Refusal(409, 'the database has certificates of a network: give back the files of its authority')
  await setAdministrator(store, actor, { ...administrator, role: 'administer' }, nowMs)
  const authority = await writeNewAuthority(
    { ca, key, also: () => [], remedy: 'name other files by --ca and --key' },
    { prefix: prefix?.value, name, email, keyBits: KEY_BITS, days },
    nowMs,
  ).catch((error: unknown) => {
    // Whoever has the code runs this machine: its files are no secret.
    throw error instanceof Re6stError ? new Refusal(409, error.message) : error
  })
  await store.write(async (writable) => {
    if (encrypt)
      await writable.run(
        'INSERT INTO network_setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
        ...['encrypt', 'true'],
      )
    const { network, fingerprint } = authority
    await audit(
      writable,
      actor,
      { action: 'network.made', subject: network, detail: { fingerprint, encrypt } },
      nowMs,
    )
  })
  // Lines are run in another directory than this process.
  const registry = {
    url: localUrl(port),
    database: isPostgresUrl(databasePath) ? databasePath : resolve(databasePath),
    commandSocket: commandSocket === undefined ? undefined : resolve(commandSocket),
  }
  return { ...authority, next: nodeSteps(dirname(resolve(ca)), registry, email ?? DEFAULT_SENDER) }
}
