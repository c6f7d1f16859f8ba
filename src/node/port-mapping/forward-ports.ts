import { join } from 'node:path'
import type { NodeOptions } from '../../core/options/node-options.ts'
import type { ForwardedPorts } from '../../core/tunnels/own-addresses.ts'
import { removeLeftMappings } from './left-mappings.ts'
import { createPortMapper, type PortMapperInit, type PortToMap } from './port-mapper.ts'

/**
 * Has the gateway forward the ports of the servers that listen on IPv4, if the options want that; otherwise removes
 * what an earlier start left there. Returns at once.
 * @param onChange what it forwards now; undefined: nothing any more
 */
export function forwardPorts(
  { ipv4Source, stateDirectory }: Pick<NodeOptions, 'ipv4Source' | 'stateDirectory'>,
  servers: NodeOptions['listeners'],
  components: Pick<PortMapperInit, 'clock' | 'random' | 'log' | 'processes'>,
  onChange: (forwarded: ForwardedPorts | undefined) => void,
): AsyncDisposable {
  const stateFile = join(stateDirectory, 'port-mappings.json')
  const isWanted = ipv4Source === 'gateway' || ipv4Source === 'gateway-or-peers'
  const listeners = servers.flatMap(({ protocol, port }): PortToMap[] =>
    protocol === 'tcp' || protocol === 'udp' ? [{ protocol, port }] : [],
  )
  if (!isWanted || listeners.length === 0) return removeLeftMappings({ ...components, stateFile })
  const mapper = createPortMapper({
    ...components,
    listeners,
    stateFile,
    isExpected: ipv4Source === 'gateway',
  })
  mapper.watch(onChange)
  return mapper
}
