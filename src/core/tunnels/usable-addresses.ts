import { isIpv6Protocol, type PeerAddress } from '../values/address-list.ts'
import type { TunnelSettings } from './settings.ts'

/** Those at which a tunnel may be made, and could work. */
export function usableAddresses(settings: TunnelSettings, addresses: readonly PeerAddress[]): PeerAddress[] {
  const { disabledProtocols, allowsIpv6, sameCountry, countryOf, isInside } = settings
  return addresses.filter(
    (address) =>
      !disabledProtocols.has(address.protocol) &&
      (allowsIpv6 || !isIpv6Protocol(address.protocol)) &&
      !isInside(address.host) &&
      (sameCountry.length === 0 || isCountryAllowed(settings, countryOf(address))),
  )
}

/** Whether an address could be used, but for its country, which is not known yet. */
export function isWaitingForCountry(settings: TunnelSettings, address: PeerAddress): boolean {
  const { sameCountry, countryOf } = settings
  return sameCountry.length > 0 && countryOf(address) === undefined && !isCountryAllowed(settings, undefined)
}

/** Whether a tunnel to this address crosses a border of the network. */
export function crossesBorder(settings: TunnelSettings, address: PeerAddress): boolean {
  const country = settings.countryOf(address)
  return country !== undefined && !isCountryAllowed(settings, country)
}

function isCountryAllowed({ sameCountry, ownCountry }: TunnelSettings, country: string | undefined): boolean {
  if (ownCountry === undefined || country === ownCountry) return true
  const isListed = (code: string | undefined) => code !== undefined && sameCountry.includes(code)
  return !isListed(country) && !isListed(ownCountry)
}
