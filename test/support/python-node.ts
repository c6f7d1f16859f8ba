import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LabProcess } from '../../lab/lab-process.ts'
import type { Re6stNetwork } from '../../lab/re6st-network.ts'
import type { Re6stNode } from '../../lab/re6st-node.ts'
import type { PythonNodeOrder } from './python-node-process.ts'

const PROGRAM = fileURLToPath(new URL('python-node-process.ts', import.meta.url))

/** Starts, on the machine of an enrolled node, what does to the network as a Python node would. */
export function startPythonNode(
  node: Re6stNode,
  network: Re6stNetwork,
  peers: readonly Re6stNode[],
): LabProcess {
  const file = (name: string) => path.join(node.configurationDirectory, name)
  const hostOf = ({ machine }: Re6stNode) => machine.addresses.ipv4 ?? ''
  mkdirSync(node.stateDirectory, { recursive: true })
  const order: PythonNodeOrder = {
    ...{ ca: file('ca.crt'), cert: file('cert.crt'), key: file('cert.key') },
    directory: node.stateDirectory,
    registryUrl: network.registryUrl,
    host: hostOf(node),
    peers: peers.map((peer) => ({
      host: hostOf(peer),
      prefix: peer.prefix,
      subnetName: peer.subnetName,
    })),
  }
  return node.machine.start([process.execPath, '--import', 'tsx', PROGRAM, JSON.stringify(order)], {
    name: 'python node',
    directory: process.cwd(),
  })
}
