import type { JSX } from 'preact'
import type { NetworkSettings } from '../../api/schemas/configuration.ts'
import { changeText, settingLabel, valueText } from '../parts/settings-words.ts'
import { type SettingsForm, settingsOf, undecidedOf } from '../settings-form.ts'

interface ChangedElsewhereProps {
  readonly form: SettingsForm
  readonly decide: (setting: keyof NetworkSettings, isWritten: boolean) => void
  readonly close: () => void
}

/** What another administrator has changed while the form was open; of what was written here, too, it is to be decided. */
export function ChangedElsewhere({ form, decide, close }: ChangedElsewhereProps): JSX.Element | null {
  const { settings, texts, elsewhere } = form
  if (elsewhere.length === 0) return null
  const written = settingsOf(texts)
  const undecided = undecidedOf(form)
  return (
    <section class="elsewhere" aria-label="Changed elsewhere">
      <p class="warn">The configuration was changed elsewhere while this form was open:</p>
      <ul>
        {elsewhere.map(({ setting, before }) => {
          const isUndecided = undecided.includes(setting)
          const present = JSON.stringify(settings[setting])
          const own = JSON.stringify(written[setting])
          return (
            <li key={setting}>
              <strong>{settingLabel(setting)}</strong>: {changeText(setting, before, present)}.{' '}
              {own === present ? (
                'The form has it.'
              ) : (
                <>
                  You have written {valueText(own)}
                  {isUndecided ? '.' : ', which you keep.'}
                </>
              )}
              {isUndecided && (
                <span class="buttons">
                  <button type="button" onClick={() => decide(setting, false)}>
                    Take {valueText(present)}
                  </button>
                  <button type="button" onClick={() => decide(setting, true)}>
                    Keep {valueText(own)}
                  </button>
                </span>
              )}
            </li>
          )
        })}
      </ul>
      {undecided.length === 0 && (
        <button type="button" onClick={close}>
          Understood
        </button>
      )}
    </section>
  )
}
