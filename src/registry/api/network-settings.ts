import { PROTOCOL } from '../../core/config/protocol-number.ts'
import { ipv4Range } from '../../core/options/value-types.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { NetworkConfiguration } from '../configuration.ts'
import type { Ledger } from '../ledger.ts'
import { Refusal } from '../refusal.ts'
import type { NetworkSettings as Settings } from '../stored-configuration.ts'
import { type Actor, audit } from './audit-log.ts'
import type {
  ChangeConfiguration,
  Configuration,
  ConfigurationPreview,
  NetworkSettings,
  NetworkSettingsChange,
} from './schemas/configuration.ts'

/** What changing the network's configuration needs. */
export interface NetworkSettingsComponents {
  readonly configuration: NetworkConfiguration
  readonly ledger: Pick<Ledger, 'holders'>
  readonly protocolOf: (prefix: string) => Promise<number | undefined>
  readonly hasGeoIp: boolean
  readonly clock: Pick<Clock, 'now'>
}

type Setting = keyof NetworkSettings

/** What each node does when a setting changes. */
const EFFECTS: Readonly<Record<Setting, string>> = {
  hello:
    'restarts its routing with the new interval; until all have it, links may be taken for dead when the new interval is longer',
  clientCount: 'makes more tunnels, or ends the least useful ones',
  maxClients: 'accepts more clients, or no new ones until there are fewer',
  tunnelRefresh: 'replaces its least useful tunnel after this time',
  encrypt:
    'makes its tunnels anew: there are interruptions of some seconds; nodes that have not heard of it have no tunnels with those that have',
  sameCountry: 'ends tunnels across these borders, and makes none',
  minProtocol: 'ends when it speaks an older protocol',
  ipv4: 'gets another IPv4 subnet, and restarts its routing',
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

/** What a change would do. @throws Refusal for what cannot be */
export async function previewConfiguration(
  components: NetworkSettingsComponents,
  change: NetworkSettingsChange,
): Promise<ConfigurationPreview> {
  const { configuration, ledger, protocolOf } = components
  const before = asSaid(configuration.settings)
  const after = asSaid({ ...configuration.settings, ...asKept(change, components.hasGeoIp) })
  const changed = (Object.keys(EFFECTS) as Setting[]).filter(
    (setting) => JSON.stringify(before[setting]) !== JSON.stringify(after[setting]),
  )
  const tooOld: ConfigurationPreview['tooOld'] = []
  let unknown = 0
  for await (const { prefix } of ledger.holders()) {
    const protocol = await protocolOf(prefix)
    if (protocol === undefined) unknown += 1
    else if (protocol < after.minProtocol)
      tooOld.push({ machine: subnetNameOfBits(prefix), reason: `it speaks protocol ${protocol}` })
  }
  return {
    version: configuration.versionNumber,
    settings: after,
    effects: changed.map((setting) => ({
      setting,
      before: JSON.stringify(before[setting]),
      after: JSON.stringify(after[setting]),
      effect: EFFECTS[setting],
    })),
    tooOld,
    unknown,
  }
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
  const { effects } = await previewConfiguration(components, change)
  if (effects.length === 0) throw new Refusal(400, 'change: nothing differs from what is')
  const detail = Object.fromEntries(effects.map(({ setting, before, after }) => [setting, [before, after]]))
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
