import { type ConfigValue, encodeNetworkConfig } from '../../src/core/config/network-config.ts'

/** The configuration of a small network, as a registry of today sends it. */
export const encodedConfig = (more: Readonly<Record<string, ConfigValue>>) =>
  encodeNetworkConfig({
    registry_prefix: '0000000000000000',
    protocol: 10,
    min_protocol: 1,
    client_count: 10,
    max_clients: 10,
    hello: 15,
    tunnel_refresh: 300,
    encrypt: false,
    ...more,
  })
