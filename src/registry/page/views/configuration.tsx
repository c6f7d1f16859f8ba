import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type {
  Configuration,
  ConfigurationPreview,
  NetworkSettingsChange,
} from '../../api/schemas/configuration.ts'
import { call } from '../api.ts'
import { announce } from '../parts/announcements.tsx'
import { Asking } from '../parts/asking.tsx'
import { Problem } from '../parts/problem.tsx'
import { settingLabel, valueText } from '../parts/settings-words.ts'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'
import { changeOf, decided, followed, newForm, type SettingsForm } from '../settings-form.ts'
import { ChangedElsewhere } from './changed-elsewhere.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import { SettingsFields } from './settings-fields.tsx'

const askConfiguration = () => call('configuration')

interface Plan {
  readonly change: NetworkSettingsChange
  readonly preview: ConfigurationPreview
}

/** The configuration that all nodes get, and what a change of it would do. */
export function ConfigurationView({ mayAdminister }: { readonly mayAdminister: boolean }): JSX.Element {
  const asked = useAnswer(askConfiguration)
  const { answer: configuration, problem: unreachable, again } = asked
  // Another administrator may change it.
  useFresh(again)
  const [form, setForm] = useFollowingForm(configuration)
  const [plan, setPlan] = useState<Plan>()
  const [isAsking, setAsking] = useState(false)
  const [problem, setProblem] = useState<string>()
  const preview = (event: SubmitEvent, written: SettingsForm) => {
    event.preventDefault()
    const change = changeOf(written)
    if (written.elsewhere.some(({ isUndecided }) => isUndecided))
      return setProblem('First decide what counts of what was changed elsewhere, too.')
    setProblem(undefined)
    if (Object.keys(change).length === 0) return setProblem('Nothing is changed.')
    setAsking(true)
    call('previewConfiguration', { body: change })
      .then(
        (said) => setPlan({ change, preview: said }),
        (error: unknown) => setProblem(sayWhy(error)),
      )
      .finally(() => setAsking(false))
  }
  return (
    <>
      <h1>Configuration {configuration?.version}</h1>
      <p>All nodes of the network get it from the registry, and follow a change within minutes.</p>
      <Problem what={unreachable} />
      <Asking asked={asked} />
      {configuration !== undefined && form !== undefined && (
        <form class="card" onSubmit={(event) => preview(event, form)}>
          <ChangedElsewhere
            form={form}
            decide={(setting, isWritten) => {
              setProblem(undefined)
              setForm(decided(form, setting, isWritten))
            }}
            close={() => setForm({ ...form, elsewhere: [] })}
          />
          <fieldset class="plain grid" disabled={!mayAdminister}>
            <legend class="hidden">Settings of the network</legend>
            <SettingsFields
              texts={form.texts}
              write={(setting, text) => setForm({ ...form, texts: { ...form.texts, [setting]: text } })}
            />
          </fieldset>
          <ChangedHere configuration={configuration} />
          <Problem what={problem} />
          {mayAdminister ? (
            <button type="submit" class="primary" disabled={isAsking}>
              {isAsking ? 'Counting machines…' : 'Preview…'}
            </button>
          ) : (
            <p class="notice">Who may administer can change it.</p>
          )}
        </form>
      )}
      {plan !== undefined && (
        <ConfirmChange
          {...plan}
          close={() => {
            setPlan(undefined)
            again()
          }}
        />
      )}
    </>
  )
}

/** What is written about the configuration: it stays when another administrator changes that meanwhile, which is said. */
function useFollowingForm(
  configuration: Configuration | undefined,
): readonly [SettingsForm | undefined, (form: SettingsForm) => void] {
  const [form, setForm] = useState<SettingsForm>()
  const shown = configuration && JSON.stringify(configuration.settings)
  useEffect(() => {
    if (!configuration) return
    if (!form) return setForm(newForm(configuration.settings))
    const next = followed(form, configuration.settings)
    setForm(next)
    const changed = next.elsewhere.filter(
      (one) => !form.elsewhere.some(({ setting }) => setting === one.setting),
    )
    const isWritten = Object.keys(changeOf(form)).length > 0
    if (changed.length > 0)
      announce(
        `Changed elsewhere: ${changed.map(({ setting }) => settingLabel(setting)).join(', ')}${isWritten ? '. What you have written is kept.' : ''}`,
      )
  }, [shown])
  return [form, setForm]
}

/** What counts more than the options of the registry. */
function ChangedHere({
  configuration: { changed, options },
}: {
  readonly configuration: Configuration
}): JSX.Element | null {
  if (changed.length === 0) return null
  const said = new Map<string, unknown>(Object.entries(options))
  return (
    <p class="notice">
      Changed here, which counts more than the options that the registry is started with:{' '}
      {changed
        .map((name) => `${settingLabel(name)} (by the options ${valueText(JSON.stringify(said.get(name)))})`)
        .join(', ')}
      .
    </p>
  )
}
