import { isIpv6Protocol, type PeerAddress } from '../values/address-list.ts'
import type { TunnelSettings } from './settings.ts'

/** Those at which a tunnel may be made, and could work. */
export function usableAddresses(settings: TunnelSettings, addresses: readonly PeerAddress[]): PeerAddress[] {
  const { disabledProtocols, allowsIpv6, isInside } = settings
  return addresses.filter(
    (address) =>
      !disabledProtocols.has(address.protocol) &&
      (allowsIpv6 || !isIpv6Protocol(address.protocol)) &&
      !isInside(address.host) &&
      !isWaitingForCountry(settings, address) &&
      !crossesBorder(settings, address),
  )
}

/** Whether it may turn out that a tunnel to this address crosses a border: it is being asked where it is. */
export const isWaitingForCountry = (settings: TunnelSettings, address: PeerAddress): boolean =>
  settings.sameCountry.length > 0 &&
  settings.ownCountry !== undefined &&
  settings.countryOf(address) === undefined &&
  settings.isBeingLocated(address)

/** Whether a tunnel to this address crosses a border of the network. Of what nobody knows where it is, nobody can say that. */
export function crossesBorder(settings: TunnelSettings, address: PeerAddress): boolean {
  const { sameCountry, ownCountry } = settings
  const country = sameCountry.length === 0 ? undefined : settings.countryOf(address)
  if (country === undefined || ownCountry === undefined || country === ownCountry) return false
  return sameCountry.includes(country) || sameCountry.includes(ownCountry)
}
