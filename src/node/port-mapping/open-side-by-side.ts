import type { MappingMethodName } from '../../core/port-mapping/mapping.ts'
import { type GatewayAnswer, troubled } from '../../core/port-mapping/trouble.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Gateway } from './gateway.ts'
import type { MappingMethod, MappingSession } from './mapping-method.ts'

/** How long a method that answers waits for those that are preferred to it. */
const GRACE_MS = 300

/** A method, and how the gateway took it. */
export interface Opened {
  readonly method: MappingMethodName
  readonly session: GatewayAnswer<MappingSession>
}

/**
 * Tries all methods at the gateway side by side, and gives them as they are to be used: in the order given, but one
 * that answers does not wait long for one that does not. Ending the iteration ends the tries that still go on.
 */
export async function* openSideBySide(
  methods: readonly MappingMethod[],
  gateway: Gateway,
  nonce: Uint8Array,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Opened, void, undefined> {
  const enough = new AbortController()
  const untilEnough = AbortSignal.any([signal, enough.signal])
  let waiting = methods.map((method) => ({
    method: method.name,
    opened: open(method, gateway, nonce, untilEnough),
  }))
  try {
    while (waiting.length > 0) {
      const [preferred, ...others] = waiting
      if (preferred === undefined) return
      // Rejects, and then says nothing, when none of the others works.
      const other = Promise.any(others.map(({ opened }) => opened.then(mustWork)))
      const next = await Promise.race([
        preferred.opened,
        other.then(
          async (found) => {
            await clock.sleep(GRACE_MS, untilEnough).catch(() => {})
            return found
          },
          () => preferred.opened,
        ),
      ])
      signal.throwIfAborted()
      waiting = waiting.filter(({ method }) => method !== next.method)
      yield next
    }
  } finally {
    enough.abort()
  }
}

async function open(
  method: MappingMethod,
  gateway: Gateway,
  nonce: Uint8Array,
  signal: AbortSignal,
): Promise<Opened> {
  try {
    return { method: method.name, session: await method.open(gateway, nonce, signal) }
  } catch {
    // Only because it was enough: nobody asks for this one any more.
    return { method: method.name, session: troubled({ kind: 'silent' }) }
  }
}

function mustWork(opened: Opened): Opened {
  if (!opened.session.ok) throw new Error('it does not work')
  return opened
}
