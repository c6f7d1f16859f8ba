import { ok, type Result, refuse } from '../result.ts'

/** A mapping as an IGD lists it. */
export interface PortEntry {
  readonly internalClient: string
  readonly internalPort: number
  /** 0: for ever. */
  readonly leaseSeconds: number
}

/** Reads the answer to GetSpecificPortMappingEntry. */
export function readPortEntry(values: ReadonlyMap<string, string>): Result<PortEntry> {
  const internalClient = values.get('NewInternalClient') ?? ''
  const internalPort = number(values.get('NewInternalPort'))
  if (internalClient === '' || internalPort === undefined) return refuse('a mapping that leads nowhere')
  // Some gateways have no leases, and do not name any.
  return ok({ internalClient, internalPort, leaseSeconds: number(values.get('NewLeaseDuration')) ?? 0 })
}

const number = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
