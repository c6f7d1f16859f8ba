import type { Surroundings } from '../../src/core/firewall/surroundings.ts'
import { readCommandLine } from '../../src/core/options/command-line.ts'
import { NODE_COMMAND, type NodeOptions, nodeOptions } from '../../src/core/options/node-options.ts'
import { networkOfBits, prefixOfBits } from '../../src/core/values/prefix.ts'

/** The options of a node with these words besides the ones that must be there. */
function nodeOptionsOf(...words: string[]): NodeOptions {
  const required = [
    '--registry',
    'http://192.0.2.1/',
    '--ca',
    'ca.crt',
    '--cert',
    'cert.crt',
    '--key',
    'cert.key',
  ]
  const read = readCommandLine(NODE_COMMAND, nodeOptions, [...required, ...words], () => {
    throw new Error('no option files here')
  })
  if (!read.ok || read.value.kind !== 'run') throw new Error(read.ok ? read.value.kind : read.reason)
  return read.value.options
}

/** A machine with one way to the Internet, enrolled as 1/16 of 2001:db8:42::/48. */
export const surroundingsOf = (
  options: readonly string[],
  more: Partial<Surroundings> = {},
): Surroundings => ({
  options: nodeOptionsOf(...options),
  own: {
    network: networkOfBits('001000000000000100001101101110000000000001000010'),
    prefix: prefixOfBits('0000000000000001'),
  },
  ipv4Range: undefined,
  registry: undefined,
  uplinks: { ipv4: ['eth9'], ipv6: ['eth9'] },
  ...more,
})
