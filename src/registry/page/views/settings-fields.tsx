import type { JSX } from 'preact'
import type { NetworkSettings } from '../../api/schemas/configuration.ts'
import { Field, NumberField } from '../parts/field.tsx'
import { SETTING_LABELS } from '../parts/settings-words.ts'

/** The fields of the form in which the configuration is changed, by the names of the settings. */
export function SettingsFields({ settings }: { readonly settings: NetworkSettings }): JSX.Element {
  const { hello, clientCount, maxClients, tunnelRefresh, encrypt, sameCountry, minProtocol, ipv4 } = settings
  return (
    <>
      <NumberField
        label={SETTING_LABELS.hello}
        hint="seconds between two of Babel"
        name="hello"
        min={1}
        max={655}
        value={hello}
      />
      <NumberField
        label={SETTING_LABELS.clientCount}
        hint="tunnels that each node opens"
        name="clientCount"
        min={0}
        value={clientCount}
      />
      <NumberField
        label={SETTING_LABELS.maxClients}
        hint="tunnels that each node accepts"
        name="maxClients"
        min={0}
        value={maxClients}
      />
      <NumberField
        label={SETTING_LABELS.tunnelRefresh}
        hint="seconds until one is replaced"
        name="tunnelRefresh"
        min={1}
        value={tunnelRefresh}
      />
      <NumberField
        label={SETTING_LABELS.minProtocol}
        hint="older nodes are refused"
        name="minProtocol"
        min={1}
        max={255}
        value={minProtocol}
      />
      <Field label={SETTING_LABELS.sameCountry} hint="codes of two letters; empty: any">
        <input
          name="sameCountry"
          pattern="[\s,]*([A-Za-z]{2}([\s,]+|$))*"
          title="like FR, DE"
          defaultValue={sameCountry.join(' ')}
        />
      </Field>
      <Field label={SETTING_LABELS.ipv4} hint="range, bits of a node's part; empty: none">
        <input
          name="ipv4"
          pattern="\s*(\d+(\.\d+){3}/\d+\s*,\s*\d+\s*)?"
          title="like 10.42.0.0/16, 8"
          defaultValue={ipv4 === null ? '' : `${ipv4.range}, ${ipv4.subnetBits}`}
        />
      </Field>
      <Field label={SETTING_LABELS.encrypt} hint="authenticated they always are">
        <input name="encrypt" type="checkbox" defaultChecked={encrypt} />
      </Field>
    </>
  )
}
