import type { JSX } from 'preact'
import type { MachineDetails } from '../../api/schemas/machines.ts'
import { countryText } from '../parts/country.ts'
import { Facts } from '../parts/facts.tsx'
import { Moment } from '../parts/moment.tsx'
import { STATE_MEANINGS, STATE_WORDS } from '../parts/state-words.ts'
import { CertificateEnd } from './certificate-end.tsx'

/** What the registry knows of a machine now. */
export function MachineFacts({ machine }: { readonly machine: MachineDetails }): JSX.Element {
  const { state, addresses } = machine
  return (
    <Facts
      facts={[
        ['Subnet', machine.subnet],
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
        ['Certificate until', <CertificateEnd key="until" at={machine.notAfter} />],
        ['Fingerprint', machine.fingerprint],
        ['Last seen', <LastSeen key="seen" machine={machine} />],
        ['Seen at', addresses.length > 0 && addresses.map(addressText).join('; ')],
      ]}
    />
  )
}

/** Of one that is there, it is said how old its last answer is: a route is there for a while longer than its machine. */
function LastSeen({ machine: { isOnline, lastSeen } }: { readonly machine: MachineDetails }): JSX.Element {
  const heard = lastSeen !== undefined && <Moment at={lastSeen} />
  if (!isOnline) return <>{heard || 'never'}</>
  return <>now{heard && <>; last heard of {heard}</>}</>
}

/** `host,port,protocol` for people. */
function addressText(address: string): string {
  const [host, port, protocol] = address.split(',')
  return port === undefined ? address : `${host}, port ${port} (${protocol})`
}
