import type { NetworkConfig } from '../../core/config/network-config.ts'
import { messageOf } from '../../core/errors.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { networkCidr } from '../../core/values/prefix.ts'
import type { Logger } from '../../platform/log.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { NodeIpv4 } from '../node-ipv4.ts'
import type { OwnIdentity } from '../own-identity.ts'

interface AssignInit {
  readonly options: Pick<NodeOptions, 'mainInterface' | 'gateway'>
  readonly kernel: Pick<Kernel, 'assign' | 'keepInside' | 'assignIpv4'>
  readonly identity: OwnIdentity
  readonly config: Pick<NetworkConfig, 'ipv4'>
  readonly sourceSpecific: boolean
  readonly log: Logger
}

/** The machine is on its way to having the node's addresses. */
export interface AssignedAddresses {
  readonly nodeIpv4: NodeIpv4
  /** Resolves when they are there: not earlier may anything be routed to them. */
  readonly done: Promise<void>
}

/** Gives the machine the node's addresses, and the network's borders. */
export function assignAddresses(init: AssignInit): AssignedAddresses {
  const { options, kernel, identity, config, sourceSpecific, log } = init
  const { mainInterface } = options
  const { address, authority } = identity.current
  const { network } = authority
  const nodeIpv4 = new NodeIpv4({
    kernel,
    log,
    mainInterface,
    subjectSerial: () => identity.current.certificate.subjectSerial,
  })
  const assigned = Promise.all([
    kernel.assign({
      mainInterface,
      address,
      length: network.length + identity.prefix.length,
      network: networkCidr(network),
    }),
    // A gateway's native connection is what the network's packets leave by.
    sourceSpecific && !options.gateway ? kernel.keepInside(networkCidr(network)) : undefined,
    // Whatever is wrong with it, the node starts without, and does it again later.
    nodeIpv4.apply(config.ipv4).catch((error: unknown) => {
      log.warn({ reason: messageOf(error) }, 'no IPv4 payload')
    }),
  ])
  const done = assigned.then(() => {})
  // It may fail before anybody waits for it. Whoever does is told then.
  done.catch(() => {})
  return { nodeIpv4, done }
}
