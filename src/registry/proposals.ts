import { pick, type Random } from '../core/random.ts'
import { remember } from '../core/remember.ts'
import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { formatAddressList, type PeerAddress, parseAddressList } from '../core/values/address-list.ts'
import type { Prefix } from '../core/values/prefix.ts'
import type { KnownAddresses } from './known-addresses.ts'
import type { LocalNode } from './local-node.ts'

/** A peer that is proposed to a node. */
export interface Proposal {
  readonly prefix: Prefix
  readonly addresses: readonly PeerAddress[]
}

/** What proposing peers needs. */
export interface ProposalComponents {
  readonly localNode: Pick<LocalNode, 'ask'>
  readonly known: Pick<KnownAddresses, 'list' | 'learn'>
  /** Nodes that our own node can ask, itself first. */
  readonly nodes: () => Promise<readonly Prefix[]>
  readonly random: Random
}

/** How many of the last proposals to a node are remembered: who asks again was not helped by them. */
const REMEMBERED = 8
/** To so many nodes, those that asked last. */
const MAX_CALLERS = 10_000
/** Of those that were seen last, one of so many is proposed: not the same to everybody. */
const CHOICE = 4

/** Which peer a node is told of that asks for one. */
export class Proposals {
  readonly #components: ProposalComponents
  /** Whom each node was told of, the last one last. */
  readonly #proposed = new Map<string, readonly Prefix[]>()

  constructor(components: ProposalComponents) {
    this.#components = components
  }

  /**
   * One that our node has a route to, and that answers; else, when our node is gone or its peer silent, one whose address
   * is known from earlier.
   */
  async propose(caller: string): Promise<Proposal | undefined> {
    const { localNode, known, nodes, random } = this.#components
    const [own, ...reachable] = await nodes()
    const others = (own === undefined ? [] : [own, ...reachable]).filter((prefix) => prefix !== caller)
    const last = this.#proposed.get(caller)?.at(-1)
    const another = others.filter((prefix) => prefix !== last)
    const peer = pick(random, another.length > 0 ? another : others)
    const answer = peer && (await localNode.ask(peer, MESSAGE_CODE.addresses, { isOwn: peer === own }))
    const { addresses } = parseAddressList(answer?.toString('utf8') ?? '')
    if (peer !== undefined && addresses.length > 0) {
      known.learn(peer, addresses)
      return this.#remember(caller, { prefix: peer, addresses })
    }
    // Our own node would have answered.
    const earlier = this.#earlier(caller, own)
    return earlier && this.#remember(caller, earlier)
  }

  #earlier(caller: string, own: Prefix | undefined): Proposal | undefined {
    const { known, random } = this.#components
    const proposed = this.#proposed.get(caller) ?? []
    const others = known.list().filter(({ prefix }) => prefix !== caller && prefix !== own)
    const fresh = others.filter(({ prefix }) => !proposed.includes(prefix)).slice(0, CHOICE)
    if (fresh.length > 0) return pick(random, fresh)
    // All were proposed: the one whose turn was longest ago.
    return others.toSorted(
      (one, other) => proposed.lastIndexOf(one.prefix) - proposed.lastIndexOf(other.prefix),
    )[0]
  }

  #remember(caller: string, proposal: Proposal): Proposal {
    const before = (this.#proposed.get(caller) ?? []).filter((prefix) => prefix !== proposal.prefix)
    const proposed = [...before, proposal.prefix].slice(-REMEMBERED)
    remember(this.#proposed, caller, proposed, MAX_CALLERS)
    return proposal
  }
}

/** `<prefix> <addresses>`, with as many of the addresses as fit into this many bytes; undefined if none does. */
export function formatProposal(
  { prefix, addresses }: Proposal,
  { withCountry, maxLength }: { readonly withCountry: boolean; readonly maxLength: number },
): string | undefined {
  for (let count = addresses.length; count > 0; count--) {
    const text = `${prefix} ${formatAddressList(addresses.slice(0, count), { withCountry })}`
    if (Buffer.byteLength(text) <= maxLength) return text
  }
  return undefined
}
