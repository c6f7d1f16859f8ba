import type { NetworkSettings } from '../../api/schemas/configuration.ts'

type Setting = keyof NetworkSettings

/** How people call the settings of the network. */
export const SETTING_LABELS: Readonly<Record<Setting, string>> = {
  hello: 'Hello',
  clientCount: 'Client count',
  maxClients: 'Max clients',
  tunnelRefresh: 'Tunnel refresh',
  encrypt: 'Encrypt tunnels',
  sameCountry: 'Same country',
  minProtocol: 'Oldest protocol',
  ipv4: 'IPv4',
}

const UNITS: Readonly<Partial<Record<Setting, string>>> = {
  hello: ' seconds',
  tunnelRefresh: ' seconds',
}

/** What a setting is called; one that is not known stays as it is. */
export const settingLabel = (setting: string): string =>
  isSetting(setting) ? SETTING_LABELS[setting] : setting

/** How a setting changes, for people: `15 → 5 seconds`. @param before @param after as JSON */
export function changeText(setting: string, before: string, after: string): string {
  return `${valueText(before)} → ${valueText(after)}${(isSetting(setting) && UNITS[setting]) || ''}`
}

/** A value of a setting, for people. @param json as the API says it */
export function valueText(json: string): string {
  const value = parsed(json)
  if (value === null) return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  if (typeof value === 'object' && value !== undefined && 'range' in value && 'subnetBits' in value)
    return `${value.range}, ${value.subnetBits} bits for a node`
  return value === undefined ? json : String(value)
}

const isSetting = (setting: string): setting is Setting => Object.hasOwn(SETTING_LABELS, setting)

/** What a text of JSON says; undefined: it is none. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
