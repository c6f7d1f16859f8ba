import type { MappedPort, MappingMethodName } from './mapping.ts'

/** Why a gateway does not forward. */
export type GatewayTrouble =
  /** It does not answer: most likely it does not speak this protocol. */
  | { readonly kind: 'silent' }
  /** The external port leads to somebody else: another one may be free. */
  | { readonly kind: 'taken' }
  /** It will not do this, whatever the port. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It cannot do it now. */
  | { readonly kind: 'unable'; readonly reason: string }
  /** Its answers make no sense. */
  | { readonly kind: 'nonsense'; readonly reason: string }
  /** It has no address on the Internet: its own line is down, or there is another NAT in front of it. */
  | { readonly kind: 'behind-nat'; readonly address: string | undefined }

/** What a gateway answered. */
export type GatewayAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly trouble: GatewayTrouble }

/** An answer with a value. */
export const granted = <T>(value: T): GatewayAnswer<T> => ({ ok: true, value })

/** An answer without one. */
export const troubled = (
  trouble: GatewayTrouble,
): { readonly ok: false; readonly trouble: GatewayTrouble } => ({ ok: false, trouble })

/** What each method said. */
export interface MethodTrouble {
  readonly method: MappingMethodName
  readonly trouble: GatewayTrouble
}

/** The most telling first: what the user can do most about. */
const TELLING: readonly GatewayTrouble['kind'][] = [
  'behind-nat',
  'refused',
  'taken',
  'unable',
  'nonsense',
  'silent',
]

/** What is to be said about troubles. */
export interface TroubleReport {
  /** The same for what the user would take for the same. */
  readonly what: string
  /** What the user should know, and do, as one line. */
  readonly text: string
}

/** What the user should know of all that went wrong. */
export function describeTroubles(
  troubles: readonly MethodTrouble[],
  listeners: readonly Pick<MappedPort, 'protocol' | 'internalPort'>[],
): TroubleReport {
  const [first] = troubles.toSorted(
    (one, other) => TELLING.indexOf(one.trouble.kind) - TELLING.indexOf(other.trouble.kind),
  )
  return { what: first?.trouble.kind ?? 'no gateway', text: textOf(first, listeners) }
}

function textOf(
  first: MethodTrouble | undefined,
  listeners: readonly Pick<MappedPort, 'protocol' | 'internalPort'>[],
): string {
  const byHand = `forward ${listeners.map(({ protocol, internalPort }) => `${protocol} port ${internalPort}`).join(' and ')} to this machine in its settings, and use --ip any`
  if (first === undefined) return 'there is no IPv4 gateway that could forward ports'
  const name = METHOD_NAMES[first.method]
  switch (first.trouble.kind) {
    case 'silent':
      return `the gateway answers neither PCP, NAT-PMP nor UPnP: switch one of them on there, or ${byHand}`
    case 'taken':
      return `the gateway has no free port for us (${name}): others behind it have too many forwarded`
    case 'refused':
      return `the gateway refuses to forward ports (${name}: ${first.trouble.reason}): allow it there, or ${byHand}`
    case 'unable':
      return `the gateway cannot forward ports now (${name}: ${first.trouble.reason})`
    case 'nonsense':
      return `the gateway cannot be understood (${name}: ${first.trouble.reason}): restart or update it, or ${byHand}`
    case 'behind-nat':
      return first.trouble.address === undefined
        ? 'the gateway has no address on the Internet: its line is down, or the gateway is itself behind NAT'
        : `the gateway is itself behind NAT (its address outside is ${first.trouble.address}): ports that it forwards cannot be reached from the Internet; ask the provider for a public address, or put the modem into bridge mode`
  }
}

const METHOD_NAMES: Readonly<Record<MappingMethodName, string>> = {
  pcp: 'PCP',
  'nat-pmp': 'NAT-PMP',
  upnp: 'UPnP',
}
