import { join, resolve } from 'node:path'
import { dayOf } from '../../core/day.ts'
import { jsonText } from '../../core/json-text.ts'
import type { InitOptions } from '../../core/options/registry-init-options.ts'
import { DEFAULT_DATABASE } from '../../core/options/registry-options.ts'
import { shellWord } from '../../core/values/shell-word.ts'
import { type WrittenAuthority, writeNewAuthority } from '../new-authority.ts'
import { DEFAULT_SENDER, localUrl, nodeSteps, startLine } from '../node-steps.ts'

const CERTIFICATE = 'ca.crt'
const KEY = 'ca.key'
const CONFIGURATION = 're6st-registry.conf'

/** A network that was made. */
interface NewNetwork extends WrittenAuthority {
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
  const made = await writeNewAuthority(
    {
      ...files,
      also: (network) => [
        { file: files.configuration, content: configuration(options, network), mode: 0o644 },
      ],
      remedy: 'give another directory by --dir',
    },
    options,
    nowMs,
  )
  return { ...made, files, next: nextSteps(directory, options) }
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
#db ${DEFAULT_DATABASE}
#logfile /var/log/re6stnet/registry.log
`

/** What makes the network run, from here on. */
function nextSteps(directory: string, { port, email = DEFAULT_SENDER }: InitOptions): string[] {
  const registry = { url: localUrl(port), database: DEFAULT_DATABASE }
  const [cd = '', ...node] = nodeSteps(directory, registry, email)
  return [cd, startLine('re6st-registry', directory), ...node]
}

const textOf = ({ network, validUntil, fingerprint, files, next }: NewNetwork): string => `\
Network ${network}, until ${dayOf(validUntil)}.
  ${files.ca}: certificate of the authority
  ${files.key}: its private key. Who has it is the network: keep a copy in a safe place
  ${files.configuration}: options of the registry
Run as root, to start the registry and the node of this machine, which must be the first:
${next.map((line) => `  ${line}`).join('\n')}
Others then join with the URL of this machine and this fingerprint:
  re6st join --registry URL --fingerprint ${fingerprint}
`
