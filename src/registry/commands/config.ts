import { jsonText } from '../../core/json-text.ts'
import type { ConfigOptions } from '../../core/options/registry-operator-options.ts'
import type { Configuration, ConfigurationPreview } from '../api/schemas/configuration.ts'
import { askRegistryOf } from './ask-registry.ts'
import { columns } from './columns.ts'

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

const previewText = ({ effects, tooOld, unknown }: ConfigurationPreview): string =>
  [
    ...effects.map(
      ({ setting, before, after, effect }) => `${setting}: ${before} becomes ${after}. Each node ${effect}`,
    ),
    ...(effects.length === 0 ? ['nothing differs from what is'] : []),
    ...tooOld.map(({ machine, reason }) => `${machine} would be left behind: ${reason}`),
    ...(unknown === 0 ? [] : [`of ${unknown} machines the version is not known`]),
    '',
  ].join('\n')
