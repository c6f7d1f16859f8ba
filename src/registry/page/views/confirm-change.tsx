import type { JSX } from 'preact'
import { IMPLEMENTATION_NAMES } from '../../../core/values/implementations.ts'
import type {
  AffectedMachines,
  ConfigurationPreview,
  NetworkSettingsChange,
} from '../../api/schemas/configuration.ts'
import { call } from '../api.ts'
import { Confirm } from '../parts/confirm.tsx'
import { AllMachines, MachineLink } from '../parts/machine-link.tsx'
import { countText, numberText } from '../parts/numbers.ts'
import { changeText, settingLabel } from '../parts/settings-words.ts'

interface ConfirmChangeProps {
  readonly change: NetworkSettingsChange
  readonly preview: ConfigurationPreview
  readonly close: () => void
}

/** Says what each node would do, and which machines could not follow. */
export function ConfirmChange({ change, preview, close }: ConfirmChangeProps): JSX.Element {
  const { effects, machines, version } = preview
  const isHurting = effects.some(({ affected }) => affected !== undefined && affected.count > 0)
  return (
    <Confirm
      title="Change the configuration?"
      verb={isHurting ? 'Change all the same' : 'Change'}
      danger={isHurting}
      done="The configuration is changed; nodes follow within minutes."
      act={() => call('changeConfiguration', { body: { fromVersion: version, change } })}
      close={close}
    >
      <p>
        {countText(machines.own, 'machine runs', 'machines run')} this implementation,{' '}
        {numberText(machines.python)} the Python implementation
        {machines.unknown > 0 &&
          `; of ${numberText(machines.unknown)} nobody knows, until they call the registry`}
        .
      </p>
      {effects.map(({ setting, before, after, nodes, versions, affected }) => (
        <section key={setting} aria-label={settingLabel(setting)}>
          <h3>
            {settingLabel(setting)}: {changeText(setting, before, after)}
          </h3>
          <ul>
            {nodes.map(({ implementation, effect }) => (
              <li key={implementation}>
                Each node of {IMPLEMENTATION_NAMES[implementation]} {effect}.
              </li>
            ))}
          </ul>
          <p>{versions}</p>
          {affected !== undefined && <Affected affected={affected} />}
        </section>
      ))}
    </Confirm>
  )
}

function Affected({
  affected: { what, count, unknown, machines, query },
}: {
  readonly affected: AffectedMachines
}): JSX.Element {
  return (
    <>
      {count === 0 ? (
        <p>As far as is known, there are no machines that {what}.</p>
      ) : (
        <>
          <p class="warn">
            {countText(count, 'machine')} {what}.
          </p>
          <ul class="many">
            {machines.map(({ name, version, protocol }) => (
              <li key={name}>
                <MachineLink name={name} inNewTab />
                {version !== undefined && `: ${version}, protocol ${protocol}`}
              </li>
            ))}
          </ul>
          <AllMachines count={count} shown={machines.length} query={query} inNewTab />
        </>
      )}
      {unknown > 0 && (
        <p>
          Of {countText(unknown, 'machine')} nobody knows it, until {unknown === 1 ? 'it calls' : 'they call'}{' '}
          the registry.
        </p>
      )}
    </>
  )
}
