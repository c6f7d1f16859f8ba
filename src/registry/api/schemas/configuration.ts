import { type Static, Type } from 'typebox'
import { IMPLEMENTATIONS } from '../../../core/values/implementations.ts'
import { MAX_NAMED, SubnetName } from './common.ts'

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

/** Machines that a change hurts, or that do not heed it. */
const AffectedMachines = Type.Object(
  {
    what: Type.String({ description: 'What they are, and what happens to them' }),
    count: Type.Integer({ minimum: 0 }),
    unknown: Type.Integer({
      minimum: 0,
      description: 'Machines that may be of them: nobody knows, as they have not called yet',
    }),
    machines: Type.Array(
      Type.Object({
        name: SubnetName,
        protocol: Type.Optional(Type.Integer({ minimum: 0 })),
        version: Type.Optional(Type.String()),
      }),
      { maxItems: MAX_NAMED, description: 'The first of them, with what they said when they called' },
    ),
    query: Type.Object(
      {
        protocolBelow: Type.Optional(Type.Integer()),
        implementation: Type.Optional(Type.Enum(IMPLEMENTATIONS)),
        subjectSerialFrom: Type.Optional(Type.Integer()),
      },
      { description: 'With this, `/machines` and its exports have all' },
    ),
  },
  { $id: 'AffectedMachines' },
)
export type AffectedMachines = Static<typeof AffectedMachines>

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
        nodes: Type.Array(
          Type.Object({ implementation: Type.Enum(IMPLEMENTATIONS), effect: Type.String() }),
          { description: 'What each node does with it, by whose implementation it runs' },
        ),
        versions: Type.String({
          description: 'How it depends on the version of a node, or that it does not',
        }),
        affected: Type.Optional(AffectedMachines),
      }),
    ),
    machines: Type.Object(
      {
        own: Type.Integer({ minimum: 0 }),
        python: Type.Integer({ minimum: 0 }),
        unknown: Type.Integer({ minimum: 0, description: 'They have not called yet, or do not say it' }),
      },
      { description: 'How many run which implementation; none whose certificate has ended' },
    ),
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
