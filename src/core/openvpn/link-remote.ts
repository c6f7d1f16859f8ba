import type { TunnelProtocol } from '../values/address-list.ts'

/** Where an attempt of a client goes. */
export interface LinkRemote {
  readonly address: string
  readonly port: number
  readonly protocol: TunnelProtocol
}

/**
 * The remote that a client begins to try, if this is the log line that says so. The states of the management interface
 * name it only when the connection stands, and asking (`--management-query-remote`) delays each attempt by a second.
 */
export function linkRemoteOf(logged: string): LinkRemote | undefined {
  const match =
    /^(?:Attempting to establish (TCP) connection with|(UDP)v[46] link remote:) \[AF_INET(6?)\](\S+):(\d{1,5})\b/.exec(
      logged,
    )
  if (!match) return undefined
  const [, tcp, , six, address = '', port] = match
  const protocol = `${tcp ? 'tcp' : 'udp'}${six === '6' ? '6' : ''}` as const
  return { address, port: Number(port), protocol }
}
