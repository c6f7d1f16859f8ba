import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { Re6stError } from '../../core/errors.ts'
import type { Surroundings } from '../../core/firewall/surroundings.ts'
import { bareHost, isLoopback, portOf } from '../../core/firewall/surroundings.ts'
import { readCommandLine } from '../../core/options/command-line.ts'
import { REGISTRY_FILE } from '../../core/options/firewall-options.ts'
import { readAsService } from '../../core/options/node-file-command.ts'
import { type RegistryOptions, registryOptions } from '../../core/options/registry-option-checks.ts'
import { REGISTRY_COMMAND } from '../../core/options/registry-options.ts'
import { readOptionFile } from '../../platform/main.ts'

/** The registry as far as a firewall is concerned. */
type RegistryHere = Surroundings['registry']

/**
 * The registry on this machine: that of the option file, or the one that runs here, however it was started; or at least
 * the one that the node asks at this machine itself.
 * @throws Re6stError when the option file cannot be read
 */
export const registryHere = (file: string | undefined, url: URL): RegistryHere =>
  registryOfFile(file) ?? runningRegistry(portOf(url)) ?? registryOfUrl(url) ?? runningRegistry(undefined)

function registryOfFile(file: string | undefined): RegistryOptions | undefined {
  if (file === undefined && !existsSync(REGISTRY_FILE)) return undefined
  const read = readCommandLine(
    REGISTRY_COMMAND,
    registryOptions,
    [`@${file ?? REGISTRY_FILE}`],
    file === undefined ? readAsService(readOptionFile) : readOptionFile,
  )
  if (!read.ok) throw new Re6stError('OPTION', `options of the registry: ${read.reason}`)
  return read.value.kind === 'run' ? read.value.options : undefined
}

/**
 * The options of a registry that runs in this network namespace, as its command line says; the Python one's, too.
 * @param port of one that listens there; undefined: of any
 */
function runningRegistry(port: number | undefined): RegistryOptions | undefined {
  const own = namespaceOf('self')
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const words = commandLineOf(pid)
    const at = words.findIndex((word) => /^re6st-registry(?:\.js|\.py)?$/.test(basename(word)))
    // The program itself, or what its interpreter was started with.
    if (at < 0 || at > 2 || namespaceOf(pid) !== own) continue
    const directory = linkOf(`/proc/${pid}/cwd`) ?? '/'
    const read = readCommandLine(REGISTRY_COMMAND, registryOptions, words.slice(at + 1), (path) =>
      readOptionFile(resolve(directory, path)),
    )
    if (!read.ok || read.value.kind !== 'run') continue
    const { options } = read.value
    if (port === undefined || options.port === port) return options
  }
  return undefined
}

/** Others reach it as the node does, but not at the address of the machine to itself. */
const registryOfUrl = (url: URL): RegistryHere =>
  isLoopback(bareHost(url.hostname))
    ? { port: portOf(url), listenAddresses: ['0.0.0.0', '::'], mailHost: undefined }
    : undefined

function commandLineOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}

const namespaceOf = (pid: string) => linkOf(`/proc/${pid}/ns/net`)

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // The process has ended, or is not ours to look at.
    return undefined
  }
}
