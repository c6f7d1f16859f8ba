import type { NetworkSettings, NetworkSettingsChange } from '../api/schemas/configuration.ts'

/** What was written into the form, if it differs from what is. @param values by setting */
export function changeOf(
  settings: NetworkSettings,
  values: ReadonlyMap<string, string>,
): NetworkSettingsChange {
  const text = (name: string) => values.get(name) ?? ''
  const [range = '', bits = ''] = text('ipv4')
    .split(',')
    .map((part) => part.trim())
  const wanted: NetworkSettings = {
    hello: Number(text('hello')),
    clientCount: Number(text('clientCount')),
    maxClients: Number(text('maxClients')),
    tunnelRefresh: Number(text('tunnelRefresh')),
    encrypt: text('encrypt') !== '',
    sameCountry: text('sameCountry')
      .toUpperCase()
      .split(/[\s,]+/)
      .filter((code) => code !== ''),
    minProtocol: Number(text('minProtocol')),
    ipv4: range === '' ? null : { range, subnetBits: Number(bits) },
  }
  return Object.fromEntries(
    Object.entries(wanted).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(settings[name as keyof NetworkSettings]),
    ),
  )
}
