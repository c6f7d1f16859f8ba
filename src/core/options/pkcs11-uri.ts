import { ok, type Result, refuse } from '../result.ts'

/** Which key of which token: a URI of RFC 7512. What is undefined may be anything. */
export interface Pkcs11Uri {
  /** Label of the token. */
  readonly token: string | undefined
  readonly serial: string | undefined
  readonly manufacturer: string | undefined
  readonly model: string | undefined
  /** Label of the key. */
  readonly object: string | undefined
  readonly id: Buffer | undefined
  /** The library that speaks to the token; undefined: whatever p11-kit knows. */
  readonly modulePath: string | undefined
}

const SCHEME = 'pkcs11:'
const PATH = ['token', 'serial', 'manufacturer', 'model', 'object', 'id', 'type'] as const
const QUERY = ['module-path'] as const
/** Whoever lists processes would see the one; the other is what `--passphrase` is for. */
const PINS = ['pin-value', 'pin-source']

/** Whether a text is meant to be one. */
export const isPkcs11Uri = (text: string): boolean => text.startsWith(SCHEME)

/** Reads one. Attributes that would be ignored are refused. */
export function readPkcs11Uri(text: string): Result<Pkcs11Uri> {
  const [path = '', query = ''] = text.slice(SCHEME.length).split(/\?(.*)/s)
  const found = attributesOf(path.split(';'), PATH)
  if (!found.ok) return found
  const asked = attributesOf(query.split('&'), QUERY)
  if (!asked.ok) return asked
  const [values, { 'module-path': modulePath }] = [found.value, asked.value]
  if (values['type'] !== undefined && textOf(values['type']) !== 'private')
    return refuse('type: must be private: it is the key that signs')
  if (values['object'] === undefined && values['id'] === undefined)
    return refuse('it does not say which key: object=LABEL or id=%01')
  return ok({
    token: textOf(values['token']),
    serial: textOf(values['serial']),
    manufacturer: textOf(values['manufacturer']),
    model: textOf(values['model']),
    object: textOf(values['object']),
    id: values['id'],
    modulePath: textOf(modulePath),
  })
}

const textOf = (bytes: Buffer | undefined): string | undefined => bytes?.toString()

function attributesOf(
  parts: readonly string[],
  known: readonly string[],
): Result<Readonly<Record<string, Buffer | undefined>>> {
  const values: Record<string, Buffer> = {}
  for (const part of parts.filter((one) => one !== '')) {
    const [name = '', value] = part.split(/=(.*)/s)
    if (PINS.includes(name)) return refuse(`${name}: say by --passphrase where the PIN is`)
    if (!known.includes(name))
      return refuse(`${JSON.stringify(name)} is not known there: only ${known.join(', ')}`)
    if (Object.hasOwn(values, name)) return refuse(`${name}: stands there twice`)
    const bytes = percentDecoded(value ?? '')
    if (bytes === undefined || bytes.length === 0)
      return refuse(`${name}: must have a value, in which % begins two hexadecimal digits`)
    values[name] = bytes
  }
  return ok(values)
}

/** Octets (RFC 3986, 2.1): an id need not be text. */
const percentDecoded = (text: string): Buffer | undefined =>
  /^(?:[^%]|%[\da-fA-F]{2})*$/s.test(text)
    ? Buffer.concat(
        [...text.matchAll(/%([\da-fA-F]{2})|[^%]+/gs)].map(([plain, octet]) =>
          octet === undefined ? Buffer.from(plain) : Buffer.from(octet, 'hex'),
        ),
      )
    : undefined
