import { PROTOCOL } from '../../core/config/protocol-number.ts'
import { ipv4Range } from '../../core/options/value-types.ts'
import { IMPLEMENTATIONS } from '../../core/values/implementations.ts'
import type { Clock } from '../../platform/clock.ts'
import type { NetworkConfiguration } from '../configuration.ts'
import { Refusal } from '../refusal.ts'
import type { NetworkSettings as Settings } from '../stored-configuration.ts'
import type { AffectedBy } from './affected-by.ts'
import { type Actor, audit } from './audit-log.ts'
import type {
  ChangeConfiguration,
  Configuration,
  ConfigurationPreview,
  NetworkSettings,
  NetworkSettingsChange,
} from './schemas/configuration.ts'
import { dependenceOf, EFFECTS, type Setting } from './setting-effects.ts'

/** What changing the network's configuration needs. */
export interface NetworkSettingsComponents {
  readonly configuration: NetworkConfiguration
  /** Machines as they were counted some seconds ago, at most. */
  readonly affected: () => Promise<AffectedBy>
  readonly hasGeoIp: boolean
  readonly clock: Pick<Clock, 'now'>
}

/** The present configuration. */
export function configurationOf(configuration: NetworkConfiguration): Configuration {
  return {
    version: configuration.versionNumber,
    settings: asSaid(configuration.settings),
    options: asSaid(configuration.options),
    changed: configuration.changedSettings.map((name) => SAID[name]),
  }
}

/** What differs after a change. */
interface Difference {
  readonly setting: Setting
  readonly before: string
  readonly after: string
}

/** @throws Refusal for what cannot be */
function differencesOf(
  { configuration, hasGeoIp }: NetworkSettingsComponents,
  change: NetworkSettingsChange,
): { readonly after: NetworkSettings; readonly differences: readonly Difference[] } {
  const before = asSaid(configuration.settings)
  const after = asSaid({ ...configuration.settings, ...asKept(change, hasGeoIp) })
  const differences = (Object.keys(EFFECTS) as Setting[]).map((setting) => ({
    ...{ setting, before: JSON.stringify(before[setting]), after: JSON.stringify(after[setting]) },
  }))
  return { after, differences: differences.filter((one) => one.before !== one.after) }
}

/** What a change would do. @throws Refusal for what cannot be */
export async function previewConfiguration(
  components: NetworkSettingsComponents,
  change: NetworkSettingsChange,
): Promise<ConfigurationPreview> {
  const { configuration } = components
  const version = configuration.versionNumber
  const { after, differences } = differencesOf(components, change)
  const affected = await components.affected()
  const effects: ConfigurationPreview['effects'] = []
  for (const difference of differences) {
    const { setting } = difference
    const dependence = dependenceOf(setting, after)
    effects.push({
      ...difference,
      nodes: IMPLEMENTATIONS.map((implementation) => ({
        ...{ implementation, effect: EFFECTS[setting][implementation] },
      })),
      versions: dependence.versions,
      ...(dependence.affected ? { affected: await affected.machines(dependence.affected) } : {}),
    })
  }
  return { version, settings: after, effects, machines: affected.implementations }
}

/** @throws Refusal when the preview was for another version, or for what cannot be */
export async function changeConfiguration(
  components: NetworkSettingsComponents,
  actor: Actor,
  { fromVersion, change }: ChangeConfiguration,
): Promise<Configuration> {
  const { configuration, clock } = components
  const refuseOther = (version: number) => {
    if (version !== fromVersion)
      throw new Refusal(409, `the configuration has changed to version ${version}: look again`)
  }
  refuseOther(configuration.versionNumber)
  const kept = asKept(change, components.hasGeoIp)
  const { differences } = differencesOf(components, change)
  if (differences.length === 0) throw new Refusal(400, 'change: nothing differs from what is')
  const detail = Object.fromEntries(
    differences.map(({ setting, before, after }) => [setting, [before, after]]),
  )
  await configuration.change(kept, (version) => {
    // Another process, or another operator, may have changed it meanwhile.
    refuseOther(version)
    return (writable) => audit(writable, actor, { action: 'configuration.changed', detail }, clock.now())
  })
  return configurationOf(configuration)
}

const SAID: Readonly<Record<keyof Settings, Setting>> = {
  helloSeconds: 'hello',
  clientCount: 'clientCount',
  maxClients: 'maxClients',
  tunnelRefreshSeconds: 'tunnelRefresh',
  encrypt: 'encrypt',
  sameCountry: 'sameCountry',
  minProtocol: 'minProtocol',
  ipv4: 'ipv4',
}

const asSaid = (settings: Settings): NetworkSettings => ({
  hello: settings.helloSeconds,
  clientCount: settings.clientCount,
  maxClients: settings.maxClients,
  tunnelRefresh: settings.tunnelRefreshSeconds,
  encrypt: settings.encrypt,
  sameCountry: [...settings.sameCountry],
  minProtocol: settings.minProtocol,
  ipv4: settings.ipv4 ? { ...settings.ipv4 } : null,
})

/** What schemas cannot check is checked here, as the options are. */
function asKept(change: NetworkSettingsChange, hasGeoIp: boolean): Partial<Settings> {
  const { hello, tunnelRefresh, ipv4, sameCountry, minProtocol, ...same } = change
  if (sameCountry && sameCountry.length > 0 && !hasGeoIp)
    throw new Refusal(400, 'sameCountry: needs a MaxMind country database: see GEOIP2_MMDB')
  if (minProtocol !== undefined && minProtocol > PROTOCOL)
    throw new Refusal(400, `minProtocol: the registry itself speaks protocol ${PROTOCOL}`)
  const range = ipv4 ? ipv4Range.read([ipv4.range, String(ipv4.subnetBits)]) : undefined
  if (range && !range.ok) throw new Refusal(400, `ipv4: ${range.reason}`)
  return {
    ...same,
    ...(hello === undefined ? {} : { helloSeconds: hello }),
    ...(tunnelRefresh === undefined ? {} : { tunnelRefreshSeconds: tunnelRefresh }),
    ...(sameCountry === undefined ? {} : { sameCountry }),
    ...(minProtocol === undefined ? {} : { minProtocol }),
    ...(ipv4 === undefined ? {} : { ipv4: range?.ok ? range.value : undefined }),
  }
}
