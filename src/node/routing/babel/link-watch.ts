import { isIPv4 } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { messageOf } from '../../../core/errors.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { KernelEvents } from '../../kernel/kernel-events.ts'

/** A link that packets can be sent over. */
export interface UsableLink {
  readonly address: string
  /** Its index: another one is another interface of the same name. */
  readonly index: number
  readonly ipv4Address: string | undefined
}

interface LinkWatchInit {
  readonly events: Pick<KernelEvents, 'watch'>
  readonly clock: Clock
  readonly log: Logger
  /** An interface that was asked for came or went; the same one without going before: it has another IPv4 address. */
  readonly onChange: (iface: string, link: UsableLink | undefined) => void
  /** The interfaces of this machine that are up and running, for tests. */
  readonly read?: () => ReturnType<typeof networkInterfaces>
}

/** An address comes with other news of its interface. */
const SETTLE_MS = 1
/** A machine without file descriptors cannot even say which interfaces it has. */
const AGAIN_MS = 1_000

/** Which of the interfaces that are asked for can be used: up, running (RFC 2863), with a link-local address. */
export class LinkWatch implements Disposable {
  readonly #init: LinkWatchInit
  readonly #links = new Map<string, UsableLink | undefined>()
  readonly #watching: Disposable
  #look: Disposable | undefined

  constructor(init: LinkWatchInit) {
    this.#init = init
    this.#watching = init.events.watch((news) => {
      if (news.kind === 'begun' || (news.kind === 'interface' && this.#links.has(news.iface)))
        this.#lookSoon()
    })
  }

  /** Asks for an interface; it may be told before this returns. */
  add(iface: string): void {
    if (this.#links.has(iface)) return
    this.#links.set(iface, undefined)
    this.#lookNow()
  }

  /** Asks for it no more, and tells nothing of it. */
  remove(iface: string): void {
    this.#links.delete(iface)
  }

  #lookSoon(inMs = SETTLE_MS): void {
    this.#look ??= this.#init.clock.after(inMs, () => {
      this.#look = undefined
      this.#lookNow()
    })
  }

  #lookNow(): void {
    const { log, read = networkInterfaces } = this.#init
    let interfaces: ReturnType<typeof networkInterfaces>
    try {
      interfaces = read()
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'the interfaces of this machine cannot be read now')
      return this.#lookSoon(AGAIN_MS)
    }
    this.#compare(interfaces)
  }

  #compare(interfaces: ReturnType<typeof networkInterfaces>): void {
    for (const [iface, before] of [...this.#links]) {
      const after = linkOf(interfaces[iface] ?? [])
      const isSame = before?.address === after?.address && before?.index === after?.index
      if (isSame && before?.ipv4Address === after?.ipv4Address) continue
      this.#links.set(iface, after)
      if (before && !isSame) this.#init.onChange(iface, undefined)
      if (after) this.#init.onChange(iface, after)
    }
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
    this.#look?.[Symbol.dispose]()
    this.#links.clear()
  }
}

function linkOf(addresses: readonly NetworkInterfaceInfo[]): UsableLink | undefined {
  const own = addresses.find(({ address }) => /^fe[89ab]/i.test(address))
  if (own?.family !== 'IPv6') return undefined
  return {
    address: own.address,
    index: own.scopeid,
    ipv4Address: addresses.find(({ address }) => isIPv4(address))?.address,
  }
}
