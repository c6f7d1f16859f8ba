import { type Static, Type } from 'typebox'
import { SubnetName } from './common.ts'

const CountryCode = Type.String({ pattern: '^[A-Z]{2}$' })

/** The configuration of the network, as nodes get it. */
export const NetworkSettings = Type.Object(
  {
    hello: Type.Integer({ minimum: 1, maximum: 655, description: 'Seconds between two Babel hellos' }),
    clientCount: Type.Integer({ minimum: 0, maximum: 65_535 }),
    maxClients: Type.Integer({ minimum: 0, maximum: 65_535 }),
    tunnelRefresh: Type.Integer({ minimum: 1, maximum: 9_460_800_000, description: 'Seconds' }),
    encrypt: Type.Boolean(),
    sameCountry: Type.Array(CountryCode, { maxItems: 300, uniqueItems: true }),
    minProtocol: Type.Integer({ minimum: 1, maximum: 255 }),
    ipv4: Type.Union([
      Type.Null(),
      Type.Object(
        {
          range: Type.String({ maxLength: 18, examples: ['10.42.0.0/16'] }),
          subnetBits: Type.Integer({ minimum: 0, maximum: 32 }),
        },
        { additionalProperties: false },
      ),
    ]),
  },
  { $id: 'NetworkSettings', additionalProperties: false },
)
export type NetworkSettings = Static<typeof NetworkSettings>

/** What is changed; what is missing stays. */
export const NetworkSettingsChange = Type.Object(Type.Partial(NetworkSettings).properties, {
  $id: 'NetworkSettingsChange',
  additionalProperties: false,
})
export type NetworkSettingsChange = Static<typeof NetworkSettingsChange>

/** The present configuration, and where it comes from. */
export const Configuration = Type.Object(
  {
    version: Type.Integer({ minimum: 0 }),
    settings: NetworkSettings,
    options: Type.Object(NetworkSettings.properties, {
      description:
        'What the options of the registry say; what was changed here counts more, until it is the same',
      additionalProperties: false,
    }),
    changed: Type.Array(Type.String(), { description: 'Settings that were changed here' }),
  },
  { $id: 'Configuration' },
)
export type Configuration = Static<typeof Configuration>

/** What a change would do. */
export const ConfigurationPreview = Type.Object(
  {
    version: Type.Integer({ minimum: 0, description: 'The one that would be changed' }),
    settings: NetworkSettings,
    effects: Type.Array(
      Type.Object({
        setting: Type.String(),
        before: Type.String(),
        after: Type.String(),
        effect: Type.String({ description: 'What each node does with it' }),
      }),
    ),
    tooOld: Type.Array(
      Type.Object({
        machine: SubnetName,
        version: Type.Optional(Type.String()),
        reason: Type.String(),
      }),
      { description: 'Machines that would be left behind' },
    ),
    unknown: Type.Integer({ minimum: 0, description: 'Machines whose version is not known' }),
  },
  { $id: 'ConfigurationPreview' },
)
export type ConfigurationPreview = Static<typeof ConfigurationPreview>

/** Change it. */
export const ChangeConfiguration = Type.Object(
  {
    fromVersion: Type.Integer({ minimum: 0, description: 'The version that the preview was made for' }),
    change: NetworkSettingsChange,
  },
  { $id: 'ChangeConfiguration', additionalProperties: false },
)
export type ChangeConfiguration = Static<typeof ChangeConfiguration>
