import { isIP } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'
import { type Prefix, prefixOfSubnetName } from '../values/prefix.ts'
import type { Environment } from './management-reader.ts'

/** Who is at the other end, as its verified certificate says, and where its packets come from. */
export interface RemoteEnd {
  readonly peer: { readonly prefix: Prefix; readonly serial: bigint }
  readonly underlay: { readonly address: string; readonly port: number }
}

/** The other end of a connection, from the variables that OpenVPN gives about it, on either side. */
export function remoteEndOf(environment: Environment): Result<RemoteEnd> {
  const name = environment.get('common_name')
  if (name === undefined) return refuse('a peer without a certificate name')
  const prefix = prefixOfSubnetName(name)
  if (!prefix.ok) return prefix
  const serial = environment.get('tls_serial_0') ?? ''
  if (!/^\d{1,60}$/.test(serial)) return refuse(`not a serial number: ${JSON.stringify(serial)}`)
  const address = environment.get('untrusted_ip') ?? environment.get('untrusted_ip6') ?? ''
  const port = environment.get('untrusted_port') ?? ''
  if (isIP(address) === 0 || !/^\d{1,5}$/.test(port))
    return refuse(`not an address with port: ${JSON.stringify(`${address} ${port}`)}`)
  return ok({
    peer: { prefix: prefix.value, serial: BigInt(serial) },
    underlay: { address, port: Number(port) },
  })
}

/** What a server pushes to tell a client its address. Python nodes read the same variable. */
export const externalAddressOption = (address: string): string => `setenv-safe external_ip ${address}`

/** Our own address as the server told it; undefined if it told none, or something else. */
export function externalAddressOf(environment: Environment): string | undefined {
  const address = environment.get('OPENVPN_external_ip') ?? ''
  return isIP(address) === 0 ? undefined : address
}
