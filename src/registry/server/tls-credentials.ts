import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { bracketed } from '../../core/values/bracketed.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { readNamedFile } from '../../platform/named-file.ts'

/** Where the registry's own certificate is, in PEM. */
export interface TlsFiles {
  /** The certificate, and those between it and an authority that clients know. */
  readonly cert: string
  readonly key: string
  /** Who signs the certificates of administrators; undefined: none are asked for. */
  readonly clientCa: string | undefined
}

/** How often the files are looked at: whoever renews a certificate does so days before it ends. */
const LOOK_INTERVAL_MS = 10_000

/** What was read, whether it is any good or not. */
type Contents = Readonly<Record<keyof TlsFiles, string | undefined>>

/**
 * The registry's own certificate and key for TLS. They are read anew when the files change; a new pair that is no good changes
 * nothing, and is told of once.
 */
export class TlsCredentials implements Disposable {
  readonly #files: TlsFiles
  readonly #log: Logger
  readonly #timer: Disposable
  #loaded: Contents
  #options: SecureContextOptions
  #notAfterMs: number
  /** What was there when the files were last looked at: they are not judged while somebody writes them. */
  #seen: string
  /** What was judged last, so that it is told of once. */
  #told: string | undefined
  readonly #users: ((options: SecureContextOptions) => void)[] = []

  /** @throws Re6stError `FILE`, `CERTIFICATE` when they cannot be used */
  constructor(
    files: TlsFiles,
    { clock, log }: { readonly clock: Pick<Clock, 'every'>; readonly log: Logger },
  ) {
    this.#files = files
    this.#log = log
    this.#loaded = contentsOf(files)
    const { options, notAfterMs } = checked(this.#loaded)
    this.#options = options
    this.#notAfterMs = notAfterMs
    this.#seen = JSON.stringify(this.#loaded)
    this.#timer = clock.every(LOOK_INTERVAL_MS, () => this.#look())
  }

  /** What stands in a URL for who has the certificate: its names, then its addresses. */
  get hosts(): readonly string[] {
    const { subjectAltName = '' } = new X509Certificate(this.#loaded.cert ?? '')
    const all = (kind: string) =>
      subjectAltName
        .split(', ')
        .filter((name) => name.startsWith(kind))
        .map((name) => name.slice(kind.length))
    // A wildcard names no machine.
    const names = all('DNS:').filter((name) => /^[\w-]+(\.[\w-]+)*$/.test(name))
    return [...names, ...all('IP Address:').map(bracketed)]
  }

  /** End of the certificate, in milliseconds since the Unix epoch. */
  get notAfterMs(): number {
    return this.#notAfterMs
  }

  /** Calls `use` with what is there now, and with what comes. */
  follow(use: (options: SecureContextOptions) => void): void {
    this.#users.push(use)
    use(this.#options)
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  #look(): void {
    let contents: Contents
    let seen: string
    try {
      contents = contentsOf(this.#files)
      seen = JSON.stringify(contents)
    } catch (error) {
      contents = this.#loaded
      seen = messageOf(error)
    }
    const isSettled = seen === this.#seen
    this.#seen = seen
    if (!isSettled || seen === this.#told) return
    if (seen === JSON.stringify(this.#loaded)) {
      this.#told = undefined
      return
    }
    this.#told = seen
    try {
      const { options, notAfterMs } = checked(contentsOf(this.#files))
      this.#loaded = contents
      this.#options = options
      this.#notAfterMs = notAfterMs
      for (const use of this.#users) use(options)
      this.#log.info({ until: new Date(notAfterMs).toISOString() }, 'the certificate for TLS was read anew')
    } catch (error) {
      this.#log.error(`${messageOf(error)}; the registry goes on with the one before`)
    }
  }
}

function contentsOf({ cert, key, clientCa }: TlsFiles): Contents {
  return {
    cert: readNamedFile('--tls-cert', cert),
    key: readNamedFile('--tls-key', key),
    clientCa: clientCa === undefined ? undefined : readNamedFile('--tls-client-ca', clientCa),
  }
}

/** @throws Re6stError `CERTIFICATE` for what no client could make a connection with */
function checked({ cert = '', key = '', clientCa }: Contents): {
  readonly options: SecureContextOptions
  readonly notAfterMs: number
} {
  const certificate = orRefuse('--tls-cert: not a certificate in PEM', () => new X509Certificate(cert))
  const privateKey = orRefuse('--tls-key: not a private key without password, in PEM', () =>
    createPrivateKey(key),
  )
  if (!certificate.checkPrivateKey(privateKey))
    throw new Re6stError(
      'CERTIFICATE',
      '--tls-key: it is not the key of the certificate given by --tls-cert, which must be the first in its file',
    )
  const notAfterMs = Date.parse(certificate.validTo)
  if (clientCa !== undefined)
    orRefuse('--tls-client-ca: not a certificate in PEM', () => new X509Certificate(clientCa))
  const options: SecureContextOptions = {
    cert,
    key,
    // Machines of networks that are there run what Debian had ten years ago: TLS 1.2 (RFC 8996 ends what was before).
    minVersion: 'TLSv1.2',
    ...(clientCa === undefined ? {} : { ca: clientCa }),
  }
  orRefuse('--tls-cert, --tls-key: OpenSSL does not take them', () => createSecureContext(options))
  return { options, notAfterMs }
}

function orRefuse<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Re6stError('CERTIFICATE', `${what} (${messageOf(error)})`, { cause: error })
  }
}
