import { messageOf } from '../core/errors.ts'
import { remember } from '../core/remember.ts'
import type { Logger } from '../platform/log.ts'
import type { Kernel } from './kernel/kernel.ts'

/** What the pool needs. */
interface RemoteGatewaysInit {
  readonly kernel: Pick<Kernel, 'routeVia'>
  readonly log: Logger
  /** IPv4 addresses of `--remote-gateway`, at least one. */
  readonly gateways: readonly string[]
}

interface HostRoute {
  users: number
  readonly route: Promise<AsyncDisposable | undefined>
}

/** Remotes of which it is remembered through which gateway they were reached last. */
const MAX_REMEMBERED = 10_000

/**
 * Host routes to the remote ends of tunnels through several gateways, in turn (`--remote-gateway`). A route is there
 * while somebody uses it. Who comes again goes through the next gateway: the last one may be the reason.
 */
export class RemoteGateways {
  readonly #init: RemoteGatewaysInit
  readonly #routes = new Map<string, HostRoute>()
  /** Routes that are being removed. */
  readonly #leaving = new Map<string, Promise<void>>()
  readonly #last = new Map<string, string>()
  #turn = 0

  constructor(init: RemoteGatewaysInit) {
    this.#init = init
  }

  /** Makes a route to an IPv4 address, or uses the one that is there. Without a usable gateway it goes the usual way. */
  async acquire(remote: string): Promise<AsyncDisposable> {
    const known = this.#routes.get(remote)
    const route = known ?? { users: 0, route: this.#make(remote) }
    route.users++
    this.#routes.set(remote, route)
    await route.route
    let isReleased = false
    return {
      [Symbol.asyncDispose]: async () => {
        if (isReleased) return
        isReleased = true
        if (--route.users > 0) return
        this.#routes.delete(remote)
        const leaving = this.#remove(route).finally(() => {
          if (this.#leaving.get(remote) === leaving) this.#leaving.delete(remote)
        })
        this.#leaving.set(remote, leaving)
        await leaving
      },
    }
  }

  async #remove({ route }: HostRoute): Promise<void> {
    await (await route)?.[Symbol.asyncDispose]()
  }

  async #make(remote: string): Promise<AsyncDisposable | undefined> {
    const { kernel, log, gateways } = this.#init
    await this.#leaving.get(remote)?.catch(() => {})
    for (const gateway of this.#inTurn(remote)) {
      try {
        const route = await kernel.routeVia(remote, gateway)
        remember(this.#last, remote, gateway, MAX_REMEMBERED)
        log.debug({ underlay: remote, gateway }, 'route through a remote gateway')
        return route
      } catch (error) {
        log.debug({ underlay: remote, gateway, reason: messageOf(error) }, 'a remote gateway cannot be used')
      }
    }
    log.warn({ underlay: remote }, `no route through ${gateways.join(' or ')}: the usual way is taken`)
    return undefined
  }

  /** All gateways, beginning with the one whose turn it is; the one that was taken for this remote last, at the end. */
  #inTurn(remote: string): readonly string[] {
    const { gateways } = this.#init
    const first = this.#turn++ % gateways.length
    const turn = [...gateways.slice(first), ...gateways.slice(0, first)]
    const last = this.#last.get(remote)
    return [...turn.filter((gateway) => gateway !== last), ...turn.filter((gateway) => gateway === last)]
  }
}
