import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type {
  Configuration,
  ConfigurationPreview,
  NetworkSettingsChange,
} from '../../api/schemas/configuration.ts'
import { call } from '../api.ts'
import { announce } from '../parts/announcements.tsx'
import { Asking } from '../parts/asking.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { valuesOf } from '../parts/field.tsx'
import { MachineLink } from '../parts/machine-link.tsx'
import { countText } from '../parts/numbers.ts'
import { Problem } from '../parts/problem.tsx'
import { changeText, settingLabel, valueText } from '../parts/settings-words.ts'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'
import { changeOf } from '../settings-form.ts'
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
  const [plan, setPlan] = useState<Plan>()
  const [isAsking, setAsking] = useState(false)
  const [problem, setProblem] = useState<string>()
  const shown = configuration && JSON.stringify(configuration.settings)
  const isOwn = useRef(false)
  // The form is another one then.
  useChangedElsewhere(shown, isOwn)
  const preview = (event: SubmitEvent, { settings }: Configuration) => {
    const change = changeOf(settings, valuesOf(event))
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
      {configuration !== undefined && (
        <form
          // What was written into it was written about these.
          key={shown}
          class="card"
          onSubmit={(event) => preview(event, configuration)}
        >
          <fieldset class="plain grid" disabled={!mayAdminister}>
            <legend class="hidden">Settings of the network</legend>
            <SettingsFields settings={configuration.settings} />
          </fieldset>
          <ChangedHere configuration={configuration} />
          <Problem what={problem} />
          {mayAdminister ? (
            <button type="submit" class="primary" disabled={isAsking}>
              {isAsking ? 'Looking at all machines…' : 'Preview…'}
            </button>
          ) : (
            <p class="notice">Who may administer can change it.</p>
          )}
        </form>
      )}
      {plan !== undefined && (
        <ConfirmChange
          plan={plan}
          isOwn={isOwn}
          close={() => {
            setPlan(undefined)
            again()
          }}
        />
      )}
    </>
  )
}

/** Says why what was written into the form is gone. @param isOwn whether the next change is what was done here */
function useChangedElsewhere(shown: string | undefined, isOwn: { current: boolean }): void {
  const before = useRef<string>(undefined)
  useEffect(() => {
    if (shown === undefined) return
    if (before.current !== undefined && !isOwn.current)
      announce('The configuration was changed elsewhere: the form has begun anew, with what it is now.')
    before.current = shown
    isOwn.current = false
  }, [shown])
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

interface ConfirmChangeProps {
  readonly plan: Plan
  readonly isOwn: { current: boolean }
  readonly close: () => void
}

/** Says what each node would do, and which machines could not follow. */
function ConfirmChange({ plan: { change, preview }, isOwn, close }: ConfirmChangeProps): JSX.Element {
  const { effects, tooOld, unknown, version } = preview
  return (
    <Confirm
      title="Change the configuration?"
      verb={tooOld.length > 0 ? 'Change, and leave them behind' : 'Change'}
      danger={tooOld.length > 0}
      done="The configuration is changed; nodes follow within minutes."
      act={async () => {
        isOwn.current = true
        try {
          await call('changeConfiguration', { body: { fromVersion: version, change } })
        } catch (error) {
          isOwn.current = false
          throw error
        }
      }}
      close={close}
    >
      <ul>
        {effects.map(({ setting, before, after, effect }) => (
          <li key={setting}>
            <strong>{settingLabel(setting)}</strong>: {changeText(setting, before, after)}. Each node {effect}
            .
          </li>
        ))}
      </ul>
      {tooOld.length > 0 ? (
        <>
          <p class="warn">
            {countText(tooOld.length, 'machine')} would be left behind, until a newer version is installed
            there:
          </p>
          <ul class="many">
            {tooOld.map(({ machine, reason }) => (
              <li key={machine}>
                <MachineLink name={machine} />: {reason}
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p>No machine whose version is known is too old for it.</p>
      )}
      {unknown > 0 && (
        <p>
          Of {countText(unknown, 'machine')} the version is not known, as{' '}
          {unknown === 1 ? 'it has' : 'they have'} not called the registry lately.
        </p>
      )}
    </Confirm>
  )
}
