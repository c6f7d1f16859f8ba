import { isIPv4 } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import type { Clock } from '../../../platform/clock.ts'
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
  /** An interface that was asked for came or went; the same one without going before: it has another IPv4 address. */
  readonly onChange: (iface: string, link: UsableLink | undefined) => void
  /** The interfaces of this machine that are up and running, for tests. */
  readonly read?: () => ReturnType<typeof networkInterfaces>
}

/** An address comes with other news of its interface. */
const SETTLE_MS = 1

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
    this.#compare(this.#read())
  }

  /** Asks for it no more, and tells nothing of it. */
  remove(iface: string): void {
    this.#links.delete(iface)
  }

  #read(): ReturnType<typeof networkInterfaces> {
    return (this.#init.read ?? networkInterfaces)()
  }

  #lookSoon(): void {
    this.#look ??= this.#init.clock.after(SETTLE_MS, () => {
      this.#look = undefined
      this.#compare(this.#read())
    })
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
