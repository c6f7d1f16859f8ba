import type { JSX } from 'preact'
import type { NetworkSettings } from '../../api/schemas/configuration.ts'
import { Field } from '../parts/field.tsx'
import { SETTING_LABELS } from '../parts/settings-words.ts'
import type { SettingsTexts } from '../settings-form.ts'

type Setting = keyof NetworkSettings

/** What each field is called beside its label, and takes. */
const FIELDS: Readonly<
  Record<Setting, { readonly hint: string; readonly input: JSX.IntrinsicElements['input'] }>
> = {
  hello: {
    hint: 'seconds between two of Babel',
    input: { type: 'number', min: 1, max: 655, required: true },
  },
  clientCount: { hint: 'tunnels that each node opens', input: { type: 'number', min: 0, required: true } },
  maxClients: { hint: 'tunnels that each node accepts', input: { type: 'number', min: 0, required: true } },
  tunnelRefresh: {
    hint: 'seconds until one is replaced',
    input: { type: 'number', min: 1, required: true },
  },
  minProtocol: {
    hint: 'older nodes are refused',
    input: { type: 'number', min: 1, max: 255, required: true },
  },
  sameCountry: {
    hint: 'codes of two letters; empty: any',
    input: { pattern: String.raw`[\s,]*([A-Za-z]{2}([\s,]+|$))*`, title: 'like FR, DE' },
  },
  ipv4: {
    hint: "range, bits of a node's part; empty: none",
    input: { pattern: String.raw`\s*(\d+(\.\d+){3}/\d+\s*,\s*\d+\s*)?`, title: 'like 10.42.0.0/16, 8' },
  },
  encrypt: { hint: 'authenticated they always are', input: { type: 'checkbox' } },
}

interface SettingsFieldsProps {
  readonly texts: SettingsTexts
  /** What they say where nothing is written. */
  readonly present: SettingsTexts
  readonly write: (setting: Setting, text: string) => void
}

/** The fields of the form in which the configuration is changed. */
export function SettingsFields({ texts, present, write }: SettingsFieldsProps): JSX.Element {
  return (
    <>
      {(Object.keys(FIELDS) as Setting[]).map((name) => {
        const { hint, input } = FIELDS[name]
        return (
          <Field key={name} label={SETTING_LABELS[name]} hint={hint}>
            {input.type === 'checkbox' ? (
              <input
                {...{ ...input, name }}
                defaultChecked={present[name] !== ''}
                checked={texts[name] !== ''}
                onChange={({ currentTarget }) => write(name, currentTarget.checked ? 'on' : '')}
              />
            ) : (
              <input
                {...{ ...input, name }}
                defaultValue={present[name]}
                value={texts[name]}
                onInput={({ currentTarget }) => write(name, currentTarget.value)}
              />
            )}
          </Field>
        )
      })}
    </>
  )
}
