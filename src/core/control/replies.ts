import { ok, type Result, refuse } from '../result.ts'
import type { EventsReply, ExplanationReply, TraceReply } from './routing-replies.ts'

/*
 * What a node says over its control socket, one line of JSON for each request: docs/control-socket.md. Fields may be
 * added; none is removed, or gets another meaning. Times are ISO 8601 in UTC, or null.
 */

/** What can be asked. */
export type ControlRequest = keyof ControlReplies

/** A request with what belongs to it. */
export type ControlQuestion =
  | { readonly request: 'list' }
  | { readonly request: 'status' | 'tunnels' | 'routes' | 'probe' }
  /** @see readNodeName */
  | { readonly request: 'explain' | 'trace'; readonly node: string }
  /** Takes this node out of the way of others, or, with `undo`, lets them come back. */
  | { readonly request: 'drain'; readonly undo: boolean }
  /** Those with a higher number than `after`. */
  | { readonly request: 'events'; readonly after: number }

const REQUESTS: readonly ControlRequest[] = [
  'list',
  'status',
  'tunnels',
  'routes',
  'explain',
  'trace',
  'events',
  'probe',
  'drain',
]

/** The node at a glance. */
export interface StatusReply {
  readonly version: string
  readonly protocol: number
  /** Whether there is a route to the registry's node; on that node, to any other. */
  readonly connected: boolean
  /** What a node does that is not; null: it is. */
  readonly cutOff: CutOffReply | null
  /** Since when other nodes are to take ways that do not lead over this one; null: they may. */
  readonly draining: string | null
  readonly uptimeSeconds: number
  /** Subnet name, e.g. `5/16`. */
  readonly name: string
  readonly address: string
  readonly subnet: string
  readonly network: string
  /** `host,port,protocol` each, in order of preference: where others can reach us. */
  readonly advertised: readonly string[]
  /** Nodes to which there is a route. */
  readonly reachableNodes: number
  readonly registry: {
    readonly url: string
    /** Subnet name of its node. */
    readonly node: string
    readonly nodeReachable: boolean
    readonly lastAnswer: string | null
    readonly lastError: string | null
  }
  /** @public what a person or program that asks reads */
  readonly certificate: {
    readonly serial: string
    readonly notBefore: string
    readonly notAfter: string
    /** From when on it is renewed. */
    readonly renewal: string
    readonly authorityNotAfter: string
    readonly revoked: boolean
  }
  /** Those that two machines use, this node's own among them, as far as it was noticed here. */
  readonly certificatesInUseTwice: readonly {
    /** Subnet name. */
    readonly node: string
    /** Where they were seen outside the network; none: other nodes say so. */
    readonly underlays: readonly string[]
    readonly since: string
  }[]
  readonly configuration: {
    readonly version: string
    readonly helloSeconds: number
    readonly encrypt: boolean
    readonly clientCount: number
    readonly maxClients: number
    readonly authenticatedRouting: boolean
    /** Range of the IPv4 addresses of the network; null: it carries no IPv4. */
    readonly ipv4: string | null
  }
  /** What of the network is not in effect on this node, and why. */
  readonly failing: readonly FailingReply[]
  /** What finds the ways. */
  readonly router: 're6st' | 'babeld'
  readonly sourceSpecificRoutes: boolean
  /** Null: the node runs without `--multicast`. */
  readonly multicast: MulticastReply | null
}

/** Something of the network that a node does not have, or does not take. */
export interface FailingReply {
  /**
   * The newest configuration; something in it that could not be taken into effect; the renewal of a certificate that is due;
   * the node's part of the network's IPv4; a server that others connect to; the gateway, where the node counts on it; what is
   * to be known at the next start.
   */
  readonly what: 'configuration' | 'changes' | 'renewal' | 'ipv4' | 'servers' | 'forwarding' | 'cache'
  readonly reason: string
}

/** A node that is cut off from the registry's node. */
export interface CutOffReply {
  readonly since: string
  /** Subnet names of the peers to which it makes tunnels; `anyone`: whoever answers (`--client`). */
  readonly connecting: readonly string[]
  /** Those to which it has tunnels: routing has heard nobody there yet, or they are cut off themselves. */
  readonly tunnels: readonly string[]
  /** When the registry is asked for help again; null: it is being asked. */
  readonly registryAskedAt: string | null
}

/** How multicast is routed. */
export interface MulticastReply {
  /** Whether streams are forwarded as far as somebody wants them. */
  readonly routing: boolean
  /** Why not. */
  readonly reason: string | null
  /** Streams, of one sender to one group each, that pass here or end here now. */
  readonly streams: number
  /** Groups that they go to. */
  readonly groups: number
}

/** A tunnel, or the last one to a peer that failed. */
export interface TunnelReply {
  readonly direction: 'client' | 'server'
  readonly state: 'connecting' | 'up' | 'failed'
  /** Subnet name; null: not known yet. */
  readonly peer: string | null
  readonly iface: string
  readonly protocol: string | null
  /** Address and port of the other end outside the network. */
  readonly underlay: string | null
  readonly since: string
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Milliseconds, as the routing protocol measures it. */
  readonly roundTripMs: number | null
  /** Cost of the link; null: routing does not use it. */
  readonly cost: number | null
  /** Why it failed. */
  readonly reason: string | null
}

/** A route to a node. */
export interface RouteReply {
  readonly prefix: string
  /** Subnet name of the node. */
  readonly node: string
  /** Link-local address, interface and subnet name of the next hop. */
  readonly via: string
  readonly iface: string
  readonly nextHop: string | null
  readonly metric: number
  readonly installed: boolean
  /** Router-id of the originator (RFC 8966, 3.2.6): another one than before is a router that was started anew. */
  readonly routerId: string
}

/** What was tried with the neighbours, for the moment in which it is asked. */
export interface ProbeReply {
  /** Each node with a tunnel to or from us. */
  readonly neighbours: readonly {
    /** Subnet name. */
    readonly peer: string
    /** Address of the node. */
    readonly address: string
    /** Milliseconds until it answered a message on the UDP port of nodes; null: it did not. */
    readonly answerMs: number | null
  }[]
  /** Whether neighbours that can try it reached our servers from where they are. */
  readonly dialled: readonly {
    /** As it is advertised. */
    readonly address: string
    /** Subnet name of who tried. */
    readonly by: string
    readonly reached: boolean
    /** Why not. */
    readonly reason: string | null
  }[]
  /** Whether a gateway forwards our ports because we asked it to. */
  readonly forwarded: boolean
}

/** A node that others are to leave out of their ways. */
export interface DrainReply {
  /** Since when; null: they may come. */
  readonly draining: string | null
  /** Whether packets of others were still passed on when it was answered; null: nobody waited for that. */
  readonly forwarding: boolean | null
}

/** The answer to each request. */
export interface ControlReplies {
  readonly list: readonly { readonly request: string; readonly description: string }[]
  readonly status: StatusReply
  readonly tunnels: readonly TunnelReply[]
  readonly routes: readonly RouteReply[]
  readonly explain: ExplanationReply
  readonly trace: TraceReply
  readonly events: EventsReply
  readonly probe: ProbeReply
  readonly drain: DrainReply
}

/** A line of the socket may be so long; a network of 100,000 nodes fits. */
export const MAX_REPLY_LENGTH = 64 << 20

/** Reads a reply, on the side of who asked. */
export function decodeReply<Request extends ControlRequest>(
  request: Request,
  line: string,
): Result<ControlReplies[Request]> {
  let reply: unknown
  try {
    reply = JSON.parse(line)
  } catch {
    return refuse('what answers there is no re6stnet: it does not speak JSON')
  }
  if (!isObject(reply)) return refuse('what answers there is no re6stnet')
  if (reply['status'] === 'error') {
    const { error } = reply
    return refuse(isObject(error) ? `the node refuses: ${String(error['message'])}` : 'the node refuses')
  }
  const { response } = reply
  return isExpected(request, response)
    ? ok(response as ControlReplies[Request])
    : refuse('the node answers something else: is it of another version?')
}

function isExpected(request: ControlRequest, response: unknown): boolean {
  switch (request) {
    case 'status':
      return isObject(response) && typeof response['address'] === 'string'
    case 'probe':
      return (
        isObject(response) && isListOfObjects(response['neighbours']) && isListOfObjects(response['dialled'])
      )
    case 'drain':
      return isObject(response) && response['draining'] !== undefined
    case 'explain':
      return isObject(response) && isListOfObjects(response['destinations'])
    case 'trace':
      return isObject(response) && isObject(response['there']) && isObject(response['back'])
    case 'events':
      return isObject(response) && isListOfObjects(response['events'])
    case 'list':
    case 'tunnels':
    case 'routes':
      return isListOfObjects(response)
  }
}

/** Reads a request, on the side of the node. */
export function decodeRequest(line: string): Result<ControlQuestion> {
  let request: unknown
  try {
    request = JSON.parse(line)
  } catch {
    return refuse('not JSON: send {"request":"status"}')
  }
  const given = isObject(request) ? request : {}
  const name = REQUESTS.find((one) => one === given['request'])
  switch (name) {
    case undefined:
      return refuse(`unknown request; there are ${REQUESTS.join(', ')}`)
    case 'explain':
    case 'trace': {
      const { node } = given
      return typeof node === 'string'
        ? ok({ request: name, node })
        : refuse(`whose ways? send {"request":"${name}","node":"5/16"}`)
    }
    case 'drain': {
      const { undo = false } = given
      return typeof undo === 'boolean' ? ok({ request: name, undo }) : refuse('"undo" is true or false')
    }
    case 'events': {
      const { after = 0 } = given
      return typeof after === 'number'
        ? ok({ request: name, after })
        : refuse('"after" is the number of an event')
    }
    default:
      return ok({ request: name })
  }
}

const isListOfObjects = (value: unknown): boolean => Array.isArray(value) && value.every(isObject)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
