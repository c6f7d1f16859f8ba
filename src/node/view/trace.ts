import type { TraceReply } from '../../core/control/routing-replies.ts'
import { Re6stError } from '../../core/errors.ts'
import { createPinger } from '../trace/pinger.ts'
import { trace } from '../trace/trace.ts'
import { type NamingSources, namedNode } from './named.ts'
import type { NodeViewSources } from './sources.ts'

type TraceSources = NamingSources & Pick<NodeViewSources, 'nodes' | 'ways' | 'processes'>

/** The way to a node and back, as `re6st trace` shows it. @throws Re6stError `OPTION` */
export function traceOf(text: string, sources: TraceSources): Promise<TraceReply> {
  const { authority, certificate } = sources.identity()
  const own = certificate.prefix
  const target = namedNode(text, sources)
  if (target === own) throw new Re6stError('OPTION', `${text} is this node itself: name another one`)
  return trace(target, {
    ...{ own, network: authority.network },
    wayOf: async (prefix, to) => (prefix === own ? sources.nodes.wayTo(to) : sources.ways.ask(prefix, to)),
    pinger: createPinger(sources.processes),
    nodes: sources.nodes.prefixes(),
  })
}
