import type { JSX } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
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
import {
  changeOf,
  decided,
  followed,
  newForm,
  newsOf,
  type SettingsForm,
  textsOf,
  undecidedOf,
} from '../settings-form.ts'
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
  const { problem: unreachable, again } = asked
  const configuration = useNewest(asked.answer)
  // Another administrator may change it.
  useFresh(again)
  const [form, changeForm] = useFollowingForm(configuration)
  const [plan, setPlan] = useState<Plan>()
  const [isAsking, setAsking] = useState(false)
  const [problem, setProblem] = useState<string>()
  const preview = (event: SubmitEvent, written: SettingsForm) => {
    event.preventDefault()
    const change = changeOf(written)
    if (undecidedOf(written).length > 0)
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
              changeForm((before) => decided(before, setting, isWritten))
            }}
            close={() => changeForm((before) => ({ ...before, elsewhere: [] }))}
          />
          <fieldset class="plain grid" disabled={!mayAdminister}>
            <legend class="hidden">Settings of the network</legend>
            <SettingsFields
              texts={form.texts}
              present={textsOf(form.settings)}
              write={(setting, text) =>
                changeForm((before) => ({ ...before, texts: { ...before.texts, [setting]: text } }))
              }
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

/** The newest configuration that was told: an answer may come after one that was asked for later, or of a process that knows less. */
function useNewest(told: Configuration | undefined): Configuration | undefined {
  const newest = useRef<Configuration>(undefined)
  if (told && told.version >= (newest.current?.version ?? 0)) newest.current = told
  return newest.current
}

/** What is written about the configuration: it stays when another administrator changes that meanwhile, which is said. */
function useFollowingForm(
  configuration: Configuration | undefined,
): readonly [SettingsForm | undefined, (change: (form: SettingsForm) => SettingsForm) => void] {
  const [form, setForm] = useState<SettingsForm>()
  const shown = configuration && JSON.stringify(configuration.settings)
  useEffect(() => {
    if (!configuration) return
    const { settings } = configuration
    setForm((before) => (before ? followed(before, settings) : newForm(settings)))
    if (!form) return
    const news = newsOf(form, followed(form, settings))
    const isWritten = Object.keys(changeOf(form)).length > 0
    if (news.length > 0)
      announce(
        `Changed elsewhere: ${news.map(settingLabel).join(', ')}${isWritten ? '. What you have written is kept.' : ''}`,
      )
  }, [shown])
  // Something else may have been written, or told, since what is shown was drawn.
  const change = useCallback(
    (changed: (form: SettingsForm) => SettingsForm) => setForm((before) => before && changed(before)),
    [],
  )
  return [form, change]
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
