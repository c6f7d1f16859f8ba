import type { Handle, PKCS11, TokenInfo } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { messageOf, Re6stError } from '../../core/errors.ts'
import type { Pkcs11Uri } from '../../core/options/pkcs11-uri.ts'
import { type Clock, systemClock } from '../../platform/clock.ts'
import type { CaSigner } from './ca-signer.ts'

/** The module of p11-kit: it has the tokens of all modules that this machine knows. */
const P11_KIT = 'p11-kit-proxy.so'
/** Of an RSA key of 16384 bits: longer ones are none. */
const MAX_SIGNATURE_LENGTH = 2048
/** To look for a token that is gone keeps the process from everything else, and any stranger can ask for a signature. */
const LOOK_AGAIN_MS = 1_000

/** The token asks for a PIN, and none was given. */
export class PinMissing extends Re6stError {
  /** What it calls itself. */
  readonly label: string

  constructor(label: string) {
    super(
      'CERTIFICATE',
      `--key: the token ${JSON.stringify(label)} asks for a PIN: say by --passphrase where that is, or start at a terminal, where it is asked for`,
    )
    this.label = label
  }
}

/** Where the key is, and what its token asks for. */
interface TokenKey {
  readonly uri: Pkcs11Uri
  /** Undefined: none is known. */
  readonly pin: string | undefined
}

/**
 * Signs with a key that stays in a PKCS#11 token. When the token has been taken out, or has ended the session, the
 * next signature begins another.
 * @throws PinMissing when it asks for one; Re6stError what else is missing, and what to do
 */
export function tokenSigner(key: TokenKey, clock: Pick<Clock, 'monotonicMs'> = systemClock): CaSigner {
  const signer = new TokenSigner(key, clock)
  signer.open()
  // A session does one thing after the other.
  return { atOnce: 1, sign: (data) => signer.sign(data) }
}

class TokenSigner {
  readonly #key: TokenKey
  readonly #module: PKCS11
  #open: { readonly session: Handle; readonly key: Handle } | undefined
  /** The PIN was refused: asking again would lock the token. */
  #refused: Re6stError | undefined
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #failed: { readonly error: Re6stError; readonly atMs: number } | undefined

  constructor(key: TokenKey, clock: Pick<Clock, 'monotonicMs'>) {
    this.#key = key
    this.#clock = clock
    this.#module = loadedModule(key.uri.modulePath ?? P11_KIT)
  }

  async sign(data: Uint8Array): Promise<Buffer> {
    if (this.#open) {
      try {
        return await this.#signNow(this.#open, data)
      } catch {
        this.#open = undefined
      }
    }
    if (this.#failed && this.#clock.monotonicMs() - this.#failed.atMs < LOOK_AGAIN_MS)
      throw this.#failed.error
    return await this.#signNow(this.open(), data)
  }

  open(): { readonly session: Handle; readonly key: Handle } {
    if (this.#refused) throw this.#refused
    try {
      this.#begin()
      const slot = this.#slot()
      const session = this.#module.C_OpenSession(slot.handle, pkcs11js.CKF_SERIAL_SESSION)
      this.#logIn(session, slot.info)
      this.#open = { session, key: this.#find(session, slot.info) }
      this.#failed = undefined
      return this.#open
    } catch (cause) {
      const error =
        cause instanceof Re6stError ? cause : failure(`the token does not work (${messageOf(cause)})`, cause)
      this.#failed = { error, atMs: this.#clock.monotonicMs() }
      throw error
    }
  }

  async #signNow({ session, key }: { session: Handle; key: Handle }, data: Uint8Array): Promise<Buffer> {
    try {
      this.#module.C_SignInit(session, { mechanism: pkcs11js.CKM_SHA512_RSA_PKCS }, key)
      return await this.#module.C_SignAsync(session, Buffer.from(data), Buffer.alloc(MAX_SIGNATURE_LENGTH))
    } catch (error) {
      throw failure(`the token does not sign by RSA with SHA-512 (${messageOf(error)})`, error)
    }
  }

  /** All anew: some libraries do not see otherwise that a token has come back. Ends all sessions. */
  #begin(): void {
    try {
      this.#module.C_Finalize()
    } catch {
      // It has not begun.
    }
    // Signatures are made by threads of Node's.
    this.#module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK })
  }

  #slot(): { readonly handle: Handle; readonly info: TokenInfo } {
    const all = this.#module
      .C_GetSlotList(true)
      .map((handle) => ({ handle, info: this.#module.C_GetTokenInfo(handle) }))
      .filter(({ info }) => (info.flags & pkcs11js.CKF_TOKEN_INITIALIZED) !== 0)
    const { token, serial, manufacturer, model } = this.#key.uri
    const like = all.filter(
      ({ info }) =>
        isLike(info.label, token) &&
        isLike(info.serialNumber, serial) &&
        isLike(info.manufacturerID, manufacturer) &&
        isLike(info.model, model),
    )
    const [slot] = like
    if (slot && like.length === 1) return slot
    const names = all.map(({ info }) => JSON.stringify(labelOf(info)))
    if (names.length === 0)
      throw failure('there is no token: plug it in, or name its library by module-path=')
    throw failure(
      `${like.length === 0 ? 'no token is' : 'more than one token is'} as the URI says: there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`,
    )
  }

  #logIn(session: Handle, info: TokenInfo): void {
    const { pin } = this.#key
    const label = JSON.stringify(labelOf(info))
    if (pin === undefined) {
      if ((info.flags & pkcs11js.CKF_LOGIN_REQUIRED) === 0) return
      throw new PinMissing(labelOf(info))
    }
    if ((info.flags & pkcs11js.CKF_USER_PIN_FINAL_TRY) !== 0)
      throw failure(`the token ${label} would be locked by one more wrong PIN: use it by hand first`)
    try {
      this.#module.C_Login(session, pkcs11js.CKU_USER, pin)
    } catch (error) {
      const reason = REFUSALS.get(codeOf(error) ?? 0)
      if (reason === undefined) throw error
      this.#refused = failure(`the token ${label} ${reason}`, error)
      throw this.#refused
    }
  }

  #find(session: Handle, info: TokenInfo): Handle {
    const { object, id } = this.#key.uri
    this.#module.C_FindObjectsInit(session, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
      ...(object === undefined ? [] : [{ type: pkcs11js.CKA_LABEL, value: object }]),
      ...(id === undefined ? [] : [{ type: pkcs11js.CKA_ID, value: id }]),
    ])
    const found = this.#module.C_FindObjects(session, 2)
    this.#module.C_FindObjectsFinal(session)
    const [key] = found
    if (key && found.length === 1) return key
    throw failure(
      `the token ${JSON.stringify(labelOf(info))} has ${key ? 'more than one private key' : 'no private key'} as the URI says`,
    )
  }
}

const REFUSALS: ReadonlyMap<number, string> = new Map([
  [pkcs11js.CKR_PIN_INCORRECT, 'does not take the PIN'],
  [pkcs11js.CKR_PIN_LEN_RANGE, 'does not take a PIN of this length'],
  [pkcs11js.CKR_PIN_INVALID, 'does not take the PIN'],
  [pkcs11js.CKR_PIN_LOCKED, 'is locked: its PIN was wrong too often'],
  [pkcs11js.CKR_USER_PIN_NOT_INITIALIZED, 'has no PIN yet: give it one'],
])

function loadedModule(path: string): PKCS11 {
  const module = new pkcs11js.PKCS11()
  try {
    module.load(path)
  } catch (error) {
    const remedy =
      path === P11_KIT
        ? 'install p11-kit-modules, or name the library of the token by module-path='
        : 'name the library of the token by module-path='
    throw failure(`${path} cannot be loaded (${messageOf(error)}): ${remedy}`, error)
  }
  return module
}

const failure = (what: string, cause?: unknown): Re6stError =>
  new Re6stError('CERTIFICATE', `--key: ${what}`, { cause })

const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined

/** Tokens fill their fields with blanks; a library may with zeros. */
const trimmed = (field: string): string => field.replace(/[\s\0]+$/, '')
const labelOf = ({ label }: TokenInfo): string => trimmed(label)
const isLike = (field: string, wanted: string | undefined): boolean =>
  wanted === undefined || trimmed(field) === wanted
