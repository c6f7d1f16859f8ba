import { join } from 'node:path'
import type { NodeOptions } from '../../core/options/node-options.ts'
import type { ForwardedPorts } from '../../core/tunnels/own-addresses.ts'
import { createPortMapper, type PortMapperInit, type PortToMap } from './port-mapper.ts'

/**
 * Has the gateway forward the ports of the servers that listen on IPv4, if the options want that. Returns at once.
 * @param onChange what it forwards now; undefined: nothing any more
 */
export function forwardPorts(
  { ipv4Source, stateDirectory }: Pick<NodeOptions, 'ipv4Source' | 'stateDirectory'>,
  servers: NodeOptions['listeners'],
  components: Pick<PortMapperInit, 'clock' | 'random' | 'log' | 'processes'>,
  onChange: (forwarded: ForwardedPorts | undefined) => void,
): AsyncDisposable | undefined {
  if (ipv4Source !== 'gateway' && ipv4Source !== 'gateway-or-peers') return undefined
  const listeners = servers.flatMap(({ protocol, port }): PortToMap[] =>
    protocol === 'tcp' || protocol === 'udp' ? [{ protocol, port }] : [],
  )
  if (listeners.length === 0) return undefined
  const mapper = createPortMapper({
    ...components,
    listeners,
    stateFile: join(stateDirectory, 'port-mappings.json'),
    isExpected: ipv4Source === 'gateway',
  })
  mapper.watch(onChange)
  return mapper
}
