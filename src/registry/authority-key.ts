import { createPrivateKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, Re6stError, readTroubleOf } from '../core/errors.ts'
import { isPkcs11Uri, readPkcs11Uri } from '../core/options/pkcs11-uri.ts'
import type { SecretSource } from '../core/options/value-types.ts'
import { readNamedFile } from '../platform/named-file.ts'
import { askForSecret } from '../platform/secret-question.ts'
import { isAtTerminal } from '../platform/terminal.ts'
import { type CaSigner, pemSigner } from './crypto/ca-signer.ts'

/**
 * What signs with the authority's key: a file in PEM, or a URI of a key in a PKCS#11 token. The passphrase of a file, or the PIN of a
 * token, is asked for where nothing says where it is, and somebody is at the terminal.
 * @throws Re6stError what is missing or wrong, and what to do
 */
export async function authoritySigner({
  key,
  passphrase,
}: {
  readonly key: string
  readonly passphrase: SecretSource | undefined
}): Promise<CaSigner> {
  if (!isPkcs11Uri(key)) {
    const pem = readNamedFile('--key', key)
    return passphrase === undefined && ENCRYPTED.test(pem) && isAtTerminal()
      ? pemSigner(decrypted(pem, await askForSecret(`Passphrase of ${key}`)))
      : pemSigner(decryptedKey(pem, passphrase))
  }
  const uri = readPkcs11Uri(key)
  if (!uri.ok) throw new Re6stError('OPTION', `--key: ${uri.reason}`)
  const pin = passphrase === undefined ? undefined : readSecret('--passphrase', passphrase)
  const { tokenSigner, PinMissing } = await tokens()
  try {
    return tokenSigner({ uri: uri.value, pin })
  } catch (error) {
    if (!(error instanceof PinMissing) || !isAtTerminal()) throw error
    return tokenSigner({ uri: uri.value, pin: await askForSecret(`PIN of the token ${error.label}`) })
  }
}

/** Nobody needs the library who has no token: it may be missing. */
async function tokens(): Promise<typeof import('./crypto/token-signer.ts')> {
  try {
    return await import('./crypto/token-signer.ts')
  } catch (error) {
    throw new Re6stError(
      'OPTION',
      `--key: a key in a token needs the npm package pkcs11js, which cannot be loaded here: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

/** Headers of PKCS #8 (RFC 5958) and of OpenSSL's older form. */
const ENCRYPTED = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

/**
 * The authority's private key in PEM, decrypted if it has to be: from then on it is in memory only.
 * @param pem what the file has
 * @param source undefined: nothing is known about a passphrase
 * @throws Re6stError when there is none, or a wrong one
 */
export function decryptedKey(
  pem: string,
  source: SecretSource | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  if (!ENCRYPTED.test(pem)) {
    if (source === undefined) return pem
    throw new Re6stError('OPTION', '--passphrase: the key given by --key is not encrypted: leave it out')
  }
  if (source === undefined)
    throw new Re6stError(
      'OPTION',
      '--key: it is encrypted: say by --passphrase where its passphrase is, or start at a terminal, where it is asked for',
    )
  return decrypted(pem, readSecret('--passphrase', source, environment))
}

function decrypted(pem: string, passphrase: string): string {
  try {
    return createPrivateKey({ key: pem, passphrase }).export({ type: 'pkcs8', format: 'pem' }).toString()
  } catch (error) {
    throw new Re6stError('CERTIFICATE', '--key: it cannot be decrypted by this passphrase', { cause: error })
  }
}

/**
 * The first line of it, without its end: editors and `echo` add one.
 * @param option which one names it
 * @throws Re6stError when it cannot be read, or is empty
 */
export function readSecret(
  option: string,
  source: SecretSource,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  const place = placeOf(option, source, environment)
  let text: string
  try {
    text = readFileSync(place, 'utf8')
  } catch (error) {
    throw new Re6stError(
      'FILE',
      source.kind === 'descriptor'
        ? `${option} fd:${source.number}: cannot be read: open it for this command, as by ${source.number}<FILE`
        : `${option} ${place}: cannot be read: ${readTroubleOf(error)}`,
      { cause: error },
    )
  }
  const [passphrase = ''] = text.split(/\r?\n/, 1)
  if (passphrase === '') throw new Re6stError('FILE', `${option}: the first line there is empty`)
  return passphrase
}

function placeOf(option: string, source: SecretSource, environment: NodeJS.ProcessEnv): string | number {
  switch (source.kind) {
    case 'file':
      return source.path
    case 'descriptor':
      return source.number
    case 'credential': {
      const directory = environment['CREDENTIALS_DIRECTORY']
      if (directory === undefined)
        throw new Re6stError(
          'OPTION',
          `${option} credential:${source.name}: systemd gives no credentials: the unit needs LoadCredential=`,
        )
      return join(directory, source.name)
    }
  }
}

/** Options that name a file that nobody else should read, by what is in it. */
const SECRET_FILES = {
  '--key': 'the key of the authority',
  '--tls-key': 'the key for TLS',
  '--passphrase': 'the passphrase of the key',
  '--oidc-secret': 'the secret at the provider',
  '--webhook-secret': 'the secret that signs messages',
  '--peer-secret': 'the secret of the pair',
} as const

/** Warnings of files that others than their owner can read. @param places what these options name; undefined: nothing */
export const exposuresOf = (
  places: Readonly<Partial<Record<keyof typeof SECRET_FILES, string | SecretSource | undefined>>>,
): string[] =>
  (Object.entries(places) as [keyof typeof SECRET_FILES, string | SecretSource | undefined][]).flatMap(
    ([option, place]) => {
      const path = typeof place === 'object' ? (place.kind === 'file' ? place.path : undefined) : place
      const mode = (path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })?.mode) ?? 0
      return (mode & 0o077) === 0
        ? []
        : [
            `${option} ${path}: other users of this machine can read ${SECRET_FILES[option]}: chmod 600 ${path}`,
          ]
    },
  )
