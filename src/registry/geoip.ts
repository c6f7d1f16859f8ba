import type { CountryResponse } from 'maxmind'
import { open, validate } from 'maxmind'
import type { Location } from '../core/allocation/community.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import type { Logger } from '../platform/log.ts'

/** Finds where an address is. */
export interface GeoIp {
  /** Undefined for an address that is not known, or not one. */
  locate(address: string): Location | undefined
}

/** Kinds of databases that say countries: MaxMind's, and those that others make in their format. */
const SAYS_COUNTRIES = /country|city|enterprise|location/i

/**
 * Opens a MaxMind country database. One that turns out to be damaged is told of once; what cannot be read of it is not
 * known.
 * @throws Re6stError `FILE`
 */
export async function openGeoIp(path: string, log: Logger): Promise<GeoIp> {
  const reader = await openDatabase(path)
  const { databaseType } = reader.metadata
  if (!SAYS_COUNTRIES.test(databaseType))
    log.warn(`GEOIP2_MMDB=${path}: a database of kind ${databaseType}: does it say countries?`)
  let isTold = false
  return {
    locate(address) {
      if (!validate(address)) return undefined
      try {
        const found = reader.get(address)
        return found
          ? { country: textOf(found.country?.iso_code), continent: textOf(found.continent?.code) }
          : undefined
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
    return await open<CountryResponse>(path)
  } catch (error) {
    throw new Re6stError('FILE', `GEOIP2_MMDB=${path}: not a MaxMind database (${messageOf(error)})`, {
      cause: error,
    })
  }
}

/** Whatever the types say: it comes from a file. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
