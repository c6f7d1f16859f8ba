import { ONE_COMMUNITY } from '../../src/core/allocation/community.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { ApiSettings } from '../../src/registry/api-listeners.ts'
import { pemSigner } from '../../src/registry/crypto/ca-signer.ts'
import { startRegistry } from '../../src/registry/registry.ts'
import type {
  RegistryComponents,
  RegistrySettings,
  RunningRegistry,
} from '../../src/registry/registry-settings.ts'
import { emptyDatabase, holdDatabaseClock } from './databases.ts'
import { silentLog } from './silent-log.ts'
import { vectors } from './vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')

export { temporaryDirectory } from './temporary-directory.ts'

/** The page and the API on loopback, with no files of the page, and what a test wants to be different. */
export const localApi = (different: Partial<ApiSettings> = {}): ApiSettings => ({
  listener: { kind: 'address', address: '127.0.0.1', port: 0 },
  socketPath: undefined,
  pageUrl: undefined,
  registryUrl: undefined,
  pageFolder: '',
  ...different,
})

type TestComponents = Partial<RegistryComponents> & {
  /** Of the database, too, unless others serve with it that have another one. */
  readonly clock?: Clock
  readonly isAlone?: boolean
}

/** A registry on loopback, with the recorded CA, and what a test wants to be different. */
export async function testRegistry(
  settings: Partial<RegistrySettings> = {},
  { isAlone = true, ...components }: TestComponents = {},
): Promise<RunningRegistry & { readonly url: string }> {
  if (components.clock && isAlone) holdDatabaseClock(components.clock)
  const registry = await startRegistry(
    {
      caPem: pki.ca,
      signer: pemSigner(pki.keys['ca'] ?? ''),
      dhPem: undefined,
      listen: [{ address: '127.0.0.1', port: 0 }],
      tls: undefined,
      webhooks: undefined,
      authorizedOrigins: [],
      trustedProxies: [],
      privateListener: undefined,
      registration: { mailPrefixLength: 16, anonymousPrefixLength: 32 },
      communities: ONE_COMMUNITY,
      gracePeriodMs: 100 * 24 * 3600 * 1000,
      ...settings,
      databasePath: settings.databasePath ?? (await emptyDatabase()),
      network: {
        minProtocol: 1,
        helloSeconds: 15,
        encrypt: false,
        clientCount: 10,
        maxClients: 20,
        tunnelRefreshSeconds: 300,
        sameCountry: [],
        ipv4: undefined,
        ...settings.network,
      },
    },
    {
      clock: systemClock,
      log: silentLog,
      mailer: undefined,
      geoip: undefined,
      reachable: () => ({ list: async () => [] }),
      ...components,
    },
  )
  return {
    ...registry,
    url: `http://127.0.0.1:${registry.addresses[0]?.port}/`,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}
