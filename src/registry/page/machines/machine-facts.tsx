import type { JSX } from 'preact'
import type { MachineDetails } from '../../api/schemas/machines.ts'
import { countryText } from '../parts/country.ts'
import { Facts } from '../parts/facts.tsx'
import { Moment } from '../parts/moment.tsx'
import { STATE_MEANINGS, STATE_WORDS } from '../parts/state-words.ts'

/** What the registry knows of a machine now. */
export function MachineFacts({ machine }: { readonly machine: MachineDetails }): JSX.Element {
  const { state, addresses, lastSeen } = machine
  return (
    <Facts
      facts={[
        ['Network', machine.subnet],
        ['Address', machine.address],
        ['Called', machine.machineName],
        ['E-mail', machine.email],
        [
          'State',
          <>
            <span class={`state ${state}`}>{STATE_WORDS[state]}</span>: {STATE_MEANINGS[state]}
          </>,
        ],
        ['Version', machine.version],
        ['Platform', machine.platform],
        ['Community', machine.community],
        ['Country', machine.place.country && countryText(machine.place.country)],
        ['Serial', String(machine.serial)],
        ['Certificate from', <Moment key="from" at={machine.notBefore} />],
        ['Certificate until', <Moment key="until" at={machine.notAfter} />],
        ['Fingerprint', machine.fingerprint],
        ['Last seen', lastSeen && <Moment at={lastSeen} />],
        ['Seen at', addresses.length > 0 && addresses.map(addressText).join('; ')],
      ]}
    />
  )
}

/** `host,port,protocol` for people. */
function addressText(address: string): string {
  const [host, port, protocol] = address.split(',')
  return port === undefined ? address : `${host}, port ${port} (${protocol})`
}
