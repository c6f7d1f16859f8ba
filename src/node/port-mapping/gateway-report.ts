import type { MappedPort } from '../../core/port-mapping/mapping.ts'
import { describeTroubles, type MethodTrouble } from '../../core/port-mapping/trouble.ts'
import type { Logger } from '../../platform/log.ts'
import type { PortMappingState } from './port-mapping-state.ts'

interface GatewayReportInit {
  readonly log: Logger
  readonly ports: readonly Pick<MappedPort, 'protocol' | 'internalPort'>[]
  /** The user counts on it: a gateway that does not forward is worth a warning. */
  readonly isExpected: boolean
}

/** What the log says of the gateway: that it forwards, and each kind of trouble once until it does. */
export class GatewayReport {
  readonly #init: GatewayReportInit
  /** What was said about troubles since it last worked. */
  readonly #reported = new Set<string>()

  constructor(init: GatewayReportInit) {
    this.#init = init
  }

  /** It does not forward. @returns why, as one line with what to do */
  refuses(troubles: readonly MethodTrouble[]): string {
    const { log, ports, isExpected } = this.#init
    const { what, text } = describeTroubles(troubles, ports)
    // The same in other words is no news: a gateway that answers at random must not fill the log.
    const isNews = !this.#reported.has(what)
    this.#reported.add(what)
    const unexpected = troubles.length > 0 ? 'info' : 'debug'
    log[!isNews ? 'debug' : isExpected ? 'warn' : unexpected](text)
    return text
  }

  /** It forwards. @param isNews it did not, or not so */
  forwards({ ports, gateway, method, externalAddress }: PortMappingState, isNews: boolean): void {
    if (!isNews && this.#reported.size === 0) return
    this.#reported.clear()
    const { log, isExpected } = this.#init
    const forwarded = ports.map(
      ({ protocol, internalPort, externalPort }) => `${protocol} ${externalPort} to ${internalPort}`,
    )
    // Whoever counts on the gateway has to see to the one in front of it.
    const isDoubtful = externalAddress === undefined && isExpected
    log[isDoubtful ? 'warn' : 'info'](
      { gateway, method, underlay: externalAddress },
      `the gateway forwards ${forwarded.join(', ')}${externalAddress === undefined ? ', and is itself behind NAT: others can reach this node if that one forwards everything to the gateway' : ''}`,
    )
  }
}
