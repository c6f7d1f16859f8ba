/** A value in the table `config`. */
export type ConfigRowValue = string | number | bigint | Buffer | null

/** A row of the table `cert`: `cert` is null for a free prefix, `reserved` for one that can never be used. */
export interface CertificateRow {
  readonly prefix: string
  readonly email: string | null
  readonly cert: string | null
}

/** Value of `cert` of a prefix that is no address. */
export const RESERVED = 'reserved'

/** A row of the table `token`; `date` in Unix seconds. */
export interface TokenRow {
  readonly token: string
  readonly email: string
  readonly prefix_len: number
  readonly date: number
}

/** A token that the registry made up; its end in Unix seconds. */
export interface MadeTokenRow {
  readonly token: string
  readonly email: string
  readonly date: number
}

/** A certificate that was given to somebody; its end in Unix seconds. */
export interface IssuedRow {
  readonly serial: number
  readonly prefix: string
  readonly date: number
}

/** Where a node was last seen, as an address list; when, in Unix seconds. */
export interface NodeAddressRow {
  readonly prefix: string
  readonly addresses: string
  readonly date: number
}

/**
 * What the certificate of a prefix says, so that it need not be read to be found. `not_after` in Unix seconds. Of one
 * that the registry cannot use, `reason` says why; what can be read of it at all is there.
 */
export interface HolderRow {
  readonly prefix: string
  readonly email: string | null
  readonly serial: number | null
  readonly subject_serial: number | null
  readonly not_after: number | null
  readonly reason: string | null
}

/** Machines are counted by so many of the first bits of their prefixes. */
export const HEAD_BITS = 8

/** A prefix that is given to a request whose certificate is being made, since `date` in Unix seconds. */
export interface ReservationRow {
  readonly prefix: string
  readonly serial: number
  readonly subject_serial: number
  readonly date: number
}

/** Numbers that no subject has as its serialNumber, both ends included. */
export interface SubjectSerialGapRow {
  readonly first: number
  readonly last: number
}

/** Secrets of a node, where several processes serve one network: what `RegistrySessions` keeps, as JSON. */
export interface SessionRow {
  readonly prefix: string
  readonly state: string
  readonly date: number
}

/**
 * The tables. The first four are those of the Python implementation, the others our own, which it ignores. A migration
 * that makes another adds it here.
 */
export interface Tables {
  config: { readonly name: string; readonly value: ConfigRowValue }
  token: TokenRow
  cert: CertificateRow
  crl: { readonly serial: number; readonly date: number }
  issued: IssuedRow
  made_token: MadeTokenRow
  node_address: NodeAddressRow
  holder: HolderRow
  /** How many rows `holder` has, by the first bits of their prefixes; triggers keep it. */
  holder_count: { readonly head: string; readonly n: number }
  /** How many rows `node_address` has, in the same way. */
  node_address_count: { readonly head: string; readonly n: number }
  reservation: ReservationRow
  subject_serial_gap: SubjectSerialGapRow
  /** Prefixes whose row in `cert` was changed by somebody else: `holder` is to be made anew. */
  cert_changed: { readonly prefix: string }
  session: SessionRow
  /** Transactions that are committed: of one whose end was not heard, because the connection broke. */
  committed: { readonly id: string; readonly date: number }
}
