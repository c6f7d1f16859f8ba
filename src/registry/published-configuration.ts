import type { ConfigValue } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import type { NetworkSettings, StoredConfiguration } from './stored-configuration.ts'

/** Interface defaults of Babel, in the words of babeld: links that are slow cost more. */
const BABEL_DEFAULT = 'max-rtt-penalty 5000 rtt-max 500 rtt-decay 125'

/** What makes a new version of the configuration when it changes; keys are published by their rotation. */
export function publishedOf(
  settings: NetworkSettings,
  { crl, registryPrefix }: StoredConfiguration,
): Readonly<Record<string, ConfigValue>> {
  const { ipv4, sameCountry } = settings
  return {
    babel_default: BABEL_DEFAULT,
    client_count: settings.clientCount,
    crl,
    encrypt: settings.encrypt,
    hello: settings.helloSeconds,
    ...(ipv4 ? { ipv4: ipv4.range, ipv4_sublen: ipv4.subnetBits } : {}),
    max_clients: settings.maxClients,
    min_protocol: settings.minProtocol,
    protocol: PROTOCOL,
    registry_prefix: registryPrefix ?? '',
    ...(sameCountry.length > 0 ? { same_country: sameCountry } : {}),
    tunnel_refresh: settings.tunnelRefreshSeconds,
  }
}

/** What is published as the text that the database keeps of it: the same for the same. */
export const textOf = (published: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(published, Object.keys(published).sort())

/** Whether what the database keeps is this. JSON of another implementation may be spaced differently. */
export function isSameText(stored: unknown, text: string): boolean {
  try {
    return textOf(JSON.parse(String(stored)) as Record<string, unknown>) === text
  } catch {
    return false
  }
}
