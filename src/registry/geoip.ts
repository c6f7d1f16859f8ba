import { isIP } from 'node:net'
import { open, validate } from 'maxmind'
import type { Location } from '../core/allocation/community.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import type { Logger } from '../platform/log.ts'

/** Where an address is; where on Earth, if the database says it. */
export interface Place extends Location {
  readonly latitude?: number
  readonly longitude?: number
}

/** Finds where an address is. */
export interface GeoIp {
  /** Which database it is: with another one, places may be others. */
  readonly edition: string
  /** Undefined for an address that is not known, or not one. */
  locate(address: string): Place | undefined
}

/** Where an address list is: where the first address of it is. */
export const placeOf = (geoip: GeoIp, addresses: readonly { readonly host: string }[]): Place | undefined => {
  const host = addresses.find((address) => isIP(address.host) !== 0)?.host
  return host === undefined ? undefined : geoip.locate(host)
}

/** The country of an address list; empty: it is not known. */
export const countryOf = (geoip: GeoIp, addresses: readonly { readonly host: string }[]): string =>
  placeOf(geoip, addresses)?.country ?? ''

/** Kinds of databases that say countries: MaxMind's, and those that others make in their format. */
const SAYS_COUNTRIES = /country|city|enterprise|location/i

/**
 * Opens a MaxMind country database. One that turns out to be damaged is told of once; what cannot be read of it is not
 * known.
 * @throws Re6stError `FILE`
 */
export async function openGeoIp(path: string, log: Logger): Promise<GeoIp> {
  const { reader, databaseType, edition } = await openDatabase(path)
  if (!SAYS_COUNTRIES.test(databaseType))
    log.warn(`GEOIP2_MMDB=${path}: a database of kind ${databaseType}: does it say countries?`)
  let isTold = false
  return {
    edition,
    locate(address) {
      if (!validate(address)) return undefined
      try {
        const found: unknown = reader.get(address)
        return isRecord(found) ? locationOf(found) : undefined
      } catch (error) {
        if (!isTold)
          log.error(
            { reason: messageOf(error) },
            `GEOIP2_MMDB=${path}: damaged: some addresses are treated as unknown; get a new copy`,
          )
        isTold = true
        return undefined
      }
    },
  }
}

async function openDatabase(path: string) {
  try {
    const reader = await open(path)
    const { databaseType, buildEpoch } = reader.metadata
    // Of a damaged one, there may be no such time.
    return { reader, databaseType, edition: `${databaseType} ${buildEpoch.toISOString()}` }
  } catch (error) {
    throw new Re6stError('FILE', `GEOIP2_MMDB=${path}: not a MaxMind database (${messageOf(error)})`, {
      cause: error,
    })
  }
}

/**
 * MaxMind's records, and the flat ones of others: `country` or `country_code` is the code, beside it may be a name. Where
 * nobody knows where an address is used, the country in which it was registered counts.
 */
function locationOf(found: Record<string, unknown>): Place {
  const { country, country_code, continent, continent_code, registered_country } = found
  return {
    country: codeOf(country_code) || codeOf(country) || codeOf(registered_country),
    continent: codeOf(continent_code) || codeOf(continent),
    ...coordinatesOf(found['location']),
  }
}

function coordinatesOf(location: unknown): Pick<Place, 'latitude' | 'longitude'> {
  if (!isRecord(location)) return {}
  const { latitude, longitude } = location
  const isIn = (value: unknown, most: number): value is number =>
    typeof value === 'number' && Math.abs(value) <= most
  return isIn(latitude, 90) && isIn(longitude, 180) ? { latitude, longitude } : {}
}

/** Two letters, by themselves or in a record; whatever else a file may say is no code. */
function codeOf(value: unknown): string {
  const code = isRecord(value) ? (value['iso_code'] ?? value['code']) : value
  return typeof code === 'string' && /^[A-Za-z]{2}$/.test(code) ? code.toUpperCase() : ''
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
