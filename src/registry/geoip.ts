import type { CountryResponse } from 'maxmind'
import { open, validate } from 'maxmind'
import type { Location } from '../core/allocation/community.ts'
import { messageOf, Re6stError } from '../core/errors.ts'

/** Finds where an address is. */
export interface GeoIp {
  /** Undefined for an address that is not known, or not one. */
  locate(address: string): Location | undefined
}

/** Opens a MaxMind country database. @throws Re6stError `FILE` */
export async function openGeoIp(path: string): Promise<GeoIp> {
  try {
    const reader = await open<CountryResponse>(path)
    return {
      locate(address) {
        const found = validate(address) ? reader.get(address) : null
        return found
          ? { country: found.country?.iso_code ?? '', continent: found.continent?.code ?? '' }
          : undefined
      },
    }
  } catch (error) {
    throw new Re6stError('FILE', `GEOIP2_MMDB=${path}: not a MaxMind database (${messageOf(error)})`, {
      cause: error,
    })
  }
}
