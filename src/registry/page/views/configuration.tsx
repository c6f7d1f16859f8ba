import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ConfigurationPreview, NetworkSettingsChange } from '../../api/schemas/configuration.ts'
import { call } from '../api.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Field, NumberField, valuesOf } from '../parts/field.tsx'
import { Problem } from '../parts/problem.tsx'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'
import { changeOf } from '../settings-form.ts'

const askConfiguration = () => call('configuration')

/** The configuration that all nodes get, and what a change of it would do. */
export function ConfigurationView({ mayAdminister }: { readonly mayAdminister: boolean }): JSX.Element {
  const { answer: configuration, problem: unreachable, again } = useAnswer(askConfiguration)
  const [plan, setPlan] = useState<{ change: NetworkSettingsChange; preview: ConfigurationPreview }>()
  const [problem, setProblem] = useState<string>()
  if (configuration === undefined) return <p role="status">{unreachable ?? 'Asking the registry…'}</p>
  const { settings, version } = configuration
  const submit = (event: SubmitEvent) => {
    const change = changeOf(settings, valuesOf(event))
    setProblem(undefined)
    if (Object.keys(change).length === 0) return setProblem('Nothing is changed.')
    call('previewConfiguration', { body: change }).then(
      (preview) => setPlan({ change, preview }),
      (error: unknown) => setProblem(sayWhy(error)),
    )
  }
  return (
    <>
      <h1>Configuration {version}</h1>
      <form key={version} class="card grid" onSubmit={submit}>
        <NumberField
          label="Hello"
          hint="seconds between two of Babel"
          name="hello"
          min={1}
          max={655}
          value={settings.hello}
        />
        <NumberField
          label="Client count"
          hint="tunnels that each node opens"
          name="clientCount"
          min={0}
          value={settings.clientCount}
        />
        <NumberField
          label="Max clients"
          hint="tunnels that each node accepts"
          name="maxClients"
          min={0}
          value={settings.maxClients}
        />
        <NumberField
          label="Tunnel refresh"
          hint="seconds until one is replaced"
          name="tunnelRefresh"
          min={1}
          value={settings.tunnelRefresh}
        />
        <Field label="Encrypt tunnels">
          <input name="encrypt" type="checkbox" defaultChecked={settings.encrypt} />
        </Field>
        <Field label="Same country" hint="codes of two letters">
          <input
            name="sameCountry"
            pattern="[\s,]*([A-Za-z]{2}([\s,]+|$))*"
            title="like FR, DE"
            defaultValue={settings.sameCountry.join(' ')}
          />
        </Field>
        <NumberField
          label="Oldest protocol"
          hint="older nodes are refused"
          name="minProtocol"
          min={1}
          max={255}
          value={settings.minProtocol}
        />
        <Field label="IPv4" hint="range, bits of a node's part; empty: none">
          <input
            name="ipv4"
            pattern="\s*(\d+(\.\d+){3}/\d+\s*,\s*\d+\s*)?"
            title="like 10.42.0.0/16, 8"
            defaultValue={settings.ipv4 === null ? '' : `${settings.ipv4.range}, ${settings.ipv4.subnetBits}`}
          />
        </Field>
        <Problem what={problem} />
        {mayAdminister && (
          <button type="submit" class="primary">
            Preview…
          </button>
        )}
      </form>
      {plan !== undefined && (
        <Confirm
          title="Change the configuration?"
          verb="Change"
          danger={plan.preview.tooOld.length > 0}
          act={() =>
            call('changeConfiguration', { body: { fromVersion: plan.preview.version, change: plan.change } })
          }
          close={() => {
            setPlan(undefined)
            again()
          }}
        >
          <ul>
            {plan.preview.effects.map(({ setting, before, after, effect }) => (
              <li key={setting}>
                <strong>{setting}</strong>: {before} → {after}. {effect}
              </li>
            ))}
          </ul>
          {plan.preview.tooOld.length > 0 && (
            <>
              <p class="warn">These machines would be left behind:</p>
              <ul class="many">
                {plan.preview.tooOld.map(({ machine, reason }) => (
                  <li key={machine}>
                    {machine}: {reason}
                  </li>
                ))}
              </ul>
            </>
          )}
          {plan.preview.unknown > 0 && <p>Of {plan.preview.unknown} machines the version is not known.</p>}
        </Confirm>
      )}
    </>
  )
}
