import type { Server } from 'node:http'
import { readAuthority } from '../../core/crypto/certificate.ts'
import { Re6stError } from '../../core/errors.ts'
import { networkCidr } from '../../core/values/prefix.ts'
import { inBackground } from '../../platform/background.ts'
import { CleanUp } from '../../platform/clean-up.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { addRoute, newApiApp } from '../api/api-app.ts'
import { ApiRefusal } from '../api/api-refusal.ts'
import type { Actor } from '../api/audit-log.ts'
import { commandUserOf } from '../api/authenticate.ts'
import { API_ROUTES, type ApiRoute } from '../api/routes.ts'
import type { PairState, Promotion } from '../api/schemas/standby.ts'
import { whenAnswered } from '../api/when-answered.ts'
import { commandSocket } from '../command-socket.ts'
import { openStore } from '../database/open-store.ts'
import { closeServer, listen } from '../server/listen.ts'
import { type WebhookComponents, Webhooks } from '../webhooks.ts'
import { FollowedDatabase } from './followed-database.ts'
import { Follower } from './follower.ts'
import { answerPeer, keyHash, type PairSettings } from './pair.ts'
import { PairWatch } from './pair-watch.ts'
import { askPeer, connectToPeer } from './peer-link.ts'
import { mayLose, nodePrefixOf, noSuchNode, promote } from './promotion.ts'
import { roleOf, standbyId } from './role.ts'

/** What a standby is started with. */
export interface StandbySettings {
  readonly databasePath: string
  readonly commandSocket: string | undefined
  readonly caPem: string
  readonly pair: PairSettings
  /** Who hears that the primary is away; undefined: nobody. */
  readonly webhooks: Pick<WebhookComponents, 'urls' | 'secret'> | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** A standby: it has everything that the primary has, and serves nothing. */
export interface RunningStandby extends AsyncDisposable {
  /**
   * Resolves when it was promoted, and nothing of it uses the database any more: the registry can be started. Rejects when that has
   * failed, or the disk has: what can store nothing keeps the primary from giving anything, until it is started again.
   */
  readonly promoted: Promise<void>
}

/**
 * What a registry does that was started with `--standby`.
 * @returns undefined where it was promoted: it serves
 * @throws Re6stError when it can neither serve nor follow
 */
export async function becomeStandby(settings: StandbySettings): Promise<RunningStandby | undefined> {
  const { databasePath, pair, clock } = settings
  const role = await roleOf(databasePath, () => askPeer(pair.peer, clock))
  return role === 'standby' ? startStandby(settings) : undefined
}

/**
 * Follows the primary until it is promoted or stopped. Its database is marked as that of a standby (`roleOf`).
 * @throws Re6stError when it cannot be opened, or listened for the primary
 */
async function startStandby(settings: StandbySettings): Promise<RunningStandby> {
  const { databasePath, caPem, pair, clock, log } = settings
  const authority = readAuthority(caPem)
  if (!authority.ok) throw new Re6stError('CERTIFICATE', `--ca: ${authority.reason}`)
  await using stack = new CleanUp()
  const id = standbyId(databasePath)
  let tell: { readonly promoted: () => void; readonly failed: (error: unknown) => void } | undefined
  const promoted = new Promise<void>((resolve, reject) => {
    tell = { promoted: resolve, failed: reject }
  })
  // Nobody may have come to wait for it.
  promoted.catch(() => {})
  const database = stack.use(new FollowedDatabase(databasePath, (error) => tell?.failed(error)))
  const follower = new Follower({
    connect: () => connectToPeer(pair.peer, clock),
    database,
    self: { id, authority: keyHash(authority.value.publicKey) },
    clock,
    log,
  })
  stack.use(
    await answerPeer(pair, clock, {
      state: () => ({ role: 'standby', epoch: database.epoch }),
      follow: (stream) => stream.finish({ kind: 'refused', reason: 'the other registry is a standby, too' }),
    }),
  )
  const following = follower.run()
  inBackground(log, 'following the primary', following)
  stack.defer(async () => {
    follower.stop()
    await following
  })
  await watchPrimary(settings, { network: networkCidr(authority.value.network), follower }, stack)
  const state = (): PairState => ({
    role: 'standby',
    epoch: database.epoch,
    connection: follower.isCopying ? 'copying' : follower.isConnected ? 'current' : 'away',
    isRegistered: database.isRegisteredAs(id),
  })
  let isPromoting = false
  const server = await commandServer(settings, {
    state,
    promote: async ({ node, isLossAccepted }, actor) => {
      if (isPromoting) throw new Re6stError('CONFLICT', 'it is being promoted already')
      if (follower.isConnected)
        throw new Re6stError(
          'CONFLICT',
          'the primary serves, and is connected: stop it first, it must not serve beside this one',
        )
      if (!database.isRegisteredAs(id) && !isLossAccepted) throw mayLose()
      const nodePrefix = nodePrefixOf(node)
      if (nodePrefix !== undefined && !database.hasNode(nodePrefix)) throw noSuchNode()
      isPromoting = true
      try {
        follower.stop()
        await following
        database[Symbol.dispose]()
        const epoch = await promote(databasePath, { nodePrefix, isLossAccepted }, actor, clock)
        log.warn({ epoch }, 'promoted: this registry serves the network')
        return { role: 'primary', epoch, connection: 'away', isRegistered: false }
      } catch (error) {
        // It follows no more: the next start does.
        tell?.failed(error)
        throw error
      }
    },
    promoted: () => tell?.promoted(),
  })
  if (server) stack.defer(() => closeServer(server))
  log.info({ primary: `${pair.peer.host}:${pair.peer.port}` }, 'standby is running')
  const running = stack.move()
  return {
    promoted,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

/** Has somebody hear of it when the primary is away: to promote the standby is up to them. */
async function watchPrimary(
  { webhooks: to, clock, log }: StandbySettings,
  { network, follower }: { readonly network: string; readonly follower: Follower },
  stack: CleanUp,
): Promise<void> {
  if (!to) return
  // Its own database has what the primary has, and nothing else.
  const store = stack.use(await openStore(':memory:'))
  const webhooks = stack.use(new Webhooks({ ...to, store, clock, log, network }))
  stack.use(
    new PairWatch({
      other: 'primary',
      isAway: () => !follower.isConnected,
      tell: (event) => webhooks.send(event),
      clock,
    }),
  )
}

/** Where commands ask a standby; undefined: nowhere. */
async function commandServer(
  { databasePath, commandSocket: given, clock, log }: StandbySettings,
  does: {
    readonly state: () => PairState
    readonly promote: (promotion: Promotion, actor: Actor) => Promise<PairState>
    readonly promoted: () => void
  },
): Promise<Server | undefined> {
  const path = commandSocket(databasePath, given)
  if (path === undefined) return undefined
  const app = newApiApp({ files: new Map(), url: undefined, isLocal: true, admit: () => {}, log, clock })
  for (const [name, route] of Object.entries<ApiRoute>(API_ROUTES))
    addRoute(app, name, route, async ({ request, reply, read }) => {
      switch (name) {
        case 'pair':
          return does.state()
        case 'promote': {
          const actor = { name: commandUserOf(request.headers), from: undefined }
          const state = await does.promote(read().body as Promotion, actor)
          whenAnswered(reply.raw, does.promoted)
          return state
        }
        default:
          throw new ApiRefusal(503, 'unavailable', 'this registry is a standby: ask the primary')
      }
    })
  await app.ready()
  await listen(app.server, { kind: 'socket', path })
  return app.server
}
