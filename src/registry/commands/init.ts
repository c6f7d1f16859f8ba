import { randomBytes, X509Certificate } from 'node:crypto'
import { access, open, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { certificateFingerprint } from '../../core/crypto/certificate.ts'
import { DAY_MS } from '../../core/day.ts'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { InitOptions } from '../../core/options/registry-init-options.ts'
import { uniqueLocalNetwork } from '../../core/values/network-range.ts'
import { networkCidr } from '../../core/values/prefix.ts'
import { shellWord } from '../../core/values/shell-word.ts'
import { makeDirectories } from '../../platform/files.ts'
import { makeAuthority } from '../crypto/authority-maker.ts'

const CERTIFICATE = 'ca.crt'
const KEY = 'ca.key'
const CONFIGURATION = 're6st-registry.conf'
/** Where the services of the package have their files. */
const SERVICE_DIRECTORY = '/etc/re6stnet'

/** A network that was made. */
interface NewNetwork {
  readonly network: string
  /** End of the authority's certificate, in ISO 8601. */
  readonly validUntil: string
  /** Of the authority's certificate, as `re6st-conf --fingerprint` takes it. */
  readonly fingerprint: string
  /** Paths. */
  readonly files: { readonly ca: string; readonly key: string; readonly configuration: string }
  /** Lines for a shell that make the network run. */
  readonly next: readonly string[]
}

/**
 * Runs `re6st-registry init`.
 * @returns the exit status
 * @throws Re6stError `FILE` when there is something already, or it cannot be written: nothing is left then
 */
export async function runInit(options: InitOptions): Promise<number> {
  const made = await makeNetwork(options, Date.now())
  process.stdout.write(options.json ? jsonText(made) : textOf(made))
  return 0
}

async function makeNetwork(options: InitOptions, nowMs: number): Promise<NewNetwork> {
  const directory = resolve(options.directory)
  const files = {
    ca: join(directory, CERTIFICATE),
    key: join(directory, KEY),
    configuration: join(directory, CONFIGURATION),
  }
  // Before a key is made, which takes a while.
  for (const file of Object.values(files)) if (await exists(file)) throw isThere(file)
  const network = options.prefix ?? uniqueLocalNetwork(randomBytes)
  const notAfterMs = nowMs + options.days * DAY_MS
  const { name, email, keyBits } = options
  const { caPem, keyPem } = await makeAuthority({ network, name, email, keyBits, nowMs, notAfterMs })
  await writeAll(directory, [
    { file: files.key, content: keyPem, mode: 0o600 },
    { file: files.ca, content: caPem, mode: 0o644 },
    { file: files.configuration, content: configuration(options, networkCidr(network)), mode: 0o644 },
  ])
  return {
    network: networkCidr(network),
    validUntil: new Date(notAfterMs).toISOString(),
    fingerprint: certificateFingerprint(new X509Certificate(caPem).raw),
    files,
    next: nextSteps(directory, options),
  }
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

const isThere = (file: string): Re6stError =>
  new Re6stError(
    'FILE',
    `${file} exists already, and is not overwritten: give another directory by --dir, or move it away`,
  )

interface NewFile {
  readonly file: string
  readonly content: string
  readonly mode: number
}

/** All of them, or none. */
async function writeAll(directory: string, files: readonly NewFile[]): Promise<void> {
  const written: string[] = []
  try {
    await makeDirectories(directory)
    for (const { file, content, mode } of files) {
      const handle = await open(file, 'wx', mode)
      written.push(file)
      try {
        await handle.writeFile(content)
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
  } catch (error) {
    for (const file of written) await rm(file, { force: true })
    const { code, path = directory } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && path !== directory) throw isThere(path)
    throw new Re6stError(
      'FILE',
      `${directory}: cannot write there (${code ?? messageOf(error)}): run as its owner, or give another directory by --dir`,
      { cause: error },
    )
  }
}

const configuration = ({ port, mailHost, noEncryption }: InitOptions, network: string): string => `\
# Options of the registry of ${network}, one per line: the long name without dashes, then its values.
# "re6st-registry --help" lists all options. Paths are relative to the directory in which it is started.

ca ${CERTIFICATE}
key ${KEY}
${port === 80 ? '' : `port ${port}\n`}
# Tunnels are authenticated in any case. Without this line, everybody on the way of a packet can read it.
${noEncryption ? '#' : ''}encrypt

# Machines register by mail through this SMTP server (HOST, HOST:PORT, or the path of an mbox file).
${mailHost === undefined ? '#mailhost localhost' : `mailhost ${shellWord(mailHost)}`}

# Where certificates, tokens and keys are kept, and the log. These are the defaults.
#db /var/lib/re6stnet/registry.db
#logfile /var/log/re6stnet/registry.log
`

/** What makes the network run, from here on. */
function nextSteps(directory: string, { port, email = 're6st@localhost' }: InitOptions): string[] {
  const url = `http://localhost${port === 80 ? '' : `:${port}`}/`
  const isService = directory === SERVICE_DIRECTORY
  return [
    `cd ${shellWord(directory)}`,
    isService ? 'systemctl enable --now re6st-registry' : `re6st-registry @${CONFIGURATION} &`,
    `re6st-conf --registry ${url} --token "$(curl --silent --retry 10 --retry-connrefused "${url}addToken?email=${encodeURIComponent(email)}&token=")"`,
    isService ? 'systemctl enable --now re6stnet' : 're6stnet @re6stnet.conf &',
    're6st status --wait 60',
  ]
}

const textOf = ({ network, validUntil, fingerprint, files, next }: NewNetwork): string => `\
Network ${network}, until ${validUntil.slice(0, 10)}.
  ${files.ca}: certificate of the authority
  ${files.key}: its private key. Who has it is the network: keep a copy in a safe place
  ${files.configuration}: options of the registry
Run as root, to start the registry and the node of this machine, which must be the first:
${next.map((line) => `  ${line}`).join('\n')}
Others then join with the URL of this machine and this fingerprint:
  re6st-conf --registry URL --fingerprint ${fingerprint}
`
