import { Re6stError } from '../../core/errors.ts'
import { nodeNamed, readNodeName } from '../../core/routes/named-node.ts'
import { ipv4Payload } from '../../core/values/ipv4-payload.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import type { NodeViewSources } from './sources.ts'

/** Where it is looked up whom a person means. */
export type NamingSources = Pick<NodeViewSources, 'identity' | 'config' | 'router'>

/** The node that a person means. @throws Re6stError `OPTION` when none is meant */
export function namedNode(text: string, { identity, config, router }: NamingSources): Prefix {
  const { authority, certificate } = identity()
  const name = readNodeName(text)
  const { ipv4 } = config()
  const payload = ipv4 && ipv4Payload(ipv4.range, ipv4.subnetBits, certificate.subjectSerial)
  const own = { prefix: certificate.prefix, subnets: payload?.ok ? [payload.value.subnet] : [] }
  const node = name.ok ? nodeNamed(name.value, authority.network, own, router.routes) : name
  if (!node.ok) throw new Re6stError('OPTION', node.reason)
  return node.value
}

/** How a node is named in answers; null: it is not known. */
export const nameOf = (prefix: Prefix | undefined): string | null =>
  prefix === undefined ? null : subnetNameOf(prefix)
