import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import type { NodeOptions } from '../core/options/node-options.ts'

/** The registry's name may take long to resolve; the node does not wait for it. */
const LOOKUP_TIMEOUT_MS = 2_000

/** Addresses at which others can probably reach this machine now, as long as no server has told us better. */
export interface AssumedAddresses {
  /** Those of its interfaces. */
  readonly own: readonly string[]
  /**
   * For the node beside the registry, where everybody finds the registry. The first node of a network has nobody who
   * could tell.
   */
  readonly ofRegistry: readonly string[]
}

/** Looks them up. */
export async function assumedAddresses(
  { registry, mainInterface }: Pick<NodeOptions, 'registry' | 'mainInterface'>,
  isRegistryNode: boolean,
): Promise<AssumedAddresses> {
  const own = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    // The tunnels' own, and the address in the network itself, are no way to reach us from outside.
    name === 'lo' || name === mainInterface || name.startsWith('re6stnet')
      ? []
      : addresses.map(({ address }) => address),
  )
  const ofRegistry = isRegistryNode ? await addressesOf(registry.hostname.replace(/^\[|\]$/g, '')) : []
  return { own, ofRegistry }
}

async function addressesOf(host: string): Promise<string[]> {
  const found = lookup(host, { all: true }).then(
    (addresses) => addresses.map(({ address }) => address),
    () => [],
  )
  return await Promise.race([
    found,
    new Promise<string[]>((resolve) => setTimeout(resolve, LOOKUP_TIMEOUT_MS, []).unref()),
  ])
}
