import { jsonText } from '../../core/json-text.ts'
import type { ConfigOptions } from '../../core/options/registry-operator-options.ts'
import { IMPLEMENTATION_NAMES } from '../../core/values/implementations.ts'
import type { AffectedMachines, Configuration, ConfigurationPreview } from '../api/schemas/configuration.ts'
import { askRegistryOf } from './ask-registry.ts'
import { columns, someNames } from './columns.ts'

/**
 * Runs `re6st-registry config`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runConfig({ json, action, change, ...where }: ConfigOptions): Promise<number> {
  const ask = askRegistryOf(where)
  const print = (value: unknown, text: string) => process.stdout.write(json ? jsonText(value) : text)
  switch (action) {
    case 'show': {
      const configuration = await ask('configuration')
      print(configuration, configurationText(configuration))
      return 0
    }
    case 'preview': {
      const preview = await ask('previewConfiguration', { body: change })
      print(preview, previewText(preview))
      return 0
    }
    case 'change': {
      const { version } = await ask('configuration')
      const configuration = await ask('changeConfiguration', { body: { fromVersion: version, change } })
      print(configuration, configurationText(configuration))
      return 0
    }
  }
}

const configurationText = ({ version, settings, changed }: Configuration): string =>
  `version ${version}\n${columns(
    Object.entries(settings).map(([name, value]) => [
      name,
      JSON.stringify(value),
      changed.includes(name) ? 'other than the option of the registry' : '',
    ]),
  )}`

function previewText({ effects, machines: { own, python, unknown } }: ConfigurationPreview): string {
  const lines = effects.flatMap(({ setting, before, after, nodes, versions, affected }) => [
    `${setting}: ${before} becomes ${after}`,
    ...nodes.map(
      ({ implementation, effect }) => `  Each node of ${IMPLEMENTATION_NAMES[implementation]} ${effect}.`,
    ),
    `  ${versions}`,
    ...(affected ? affectedLines(affected) : []),
  ])
  return [
    ...lines,
    effects.length === 0
      ? 'nothing differs from what is'
      : `${own} machines run this implementation, ${python} that of Python; of ${unknown} nobody knows, until they call the registry`,
    '',
  ].join('\n')
}

function affectedLines({ what, count, unknown, machines, query }: AffectedMachines): string[] {
  const names = machines.map(({ name, version, protocol }) =>
    version === undefined ? name : `${name} (${version}, protocol ${protocol})`,
  )
  const all = `re6st-registry nodes ${wordsOf(query).join(' ')}`
  return [
    count === 0
      ? `  No machine of which it is known is hurt: there is none of those that ${what}.`
      : `  WARNING: ${count} ${what}: ${someNames(names, count, all)}`,
    ...(unknown === 0 ? [] : [`  Of ${unknown} machines nobody knows it, until they call the registry.`]),
  ]
}

/** The options of `nodes` that find them. */
const wordsOf = ({ protocolBelow, implementation, subjectSerialFrom }: AffectedMachines['query']): string[] =>
  Object.entries({
    '--protocol-below': protocolBelow,
    '--implementation': implementation,
    '--subject-serial-from': subjectSerialFrom,
  }).flatMap(([option, value]) => (value === undefined ? [] : [option, String(value)]))
