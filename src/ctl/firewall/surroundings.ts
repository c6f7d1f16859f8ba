import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import Database from 'better-sqlite3'
import { readAuthority, readNodeCertificate } from '../../core/crypto/certificate.ts'
import { messageOf, Re6stError } from '../../core/errors.ts'
import type { Family } from '../../core/firewall/permission.ts'
import type { Surroundings } from '../../core/firewall/surroundings.ts'
import { readCommandLine } from '../../core/options/command-line.ts'
import { type FirewallOptions, REGISTRY_FILE } from '../../core/options/firewall-options.ts'
import { readAsService } from '../../core/options/node-file-command.ts'
import {
  REGISTRY_COMMAND,
  type RegistryOptions,
  registryOptions,
} from '../../core/options/registry-options.ts'
import type { Result } from '../../core/result.ts'
import { ipv4RangeLength } from '../../core/values/ipv4-payload.ts'
import { readOptionFile } from '../../platform/main.ts'
import type { Processes } from '../../platform/processes.ts'

/** In a rule, other characters have a meaning of their own. */
const WRITABLE_INTERFACE = /^[\w.@-]+$/

/** What was found on this machine. */
export interface FoundSurroundings {
  readonly surroundings: Surroundings
  /** Whether the node has run before, so that it is known whether the network carries IPv4. */
  readonly isConfigurationKnown: boolean
}

/**
 * Looks up what the rules follow from besides the node's options.
 * @throws Re6stError when a file is there but does not hold what it should
 */
export async function findSurroundings(
  { node, directory, registryFile }: FirewallOptions,
  processes: Processes,
): Promise<FoundSurroundings> {
  for (const name of [...node.interfaces, node.mainInterface])
    if (!WRITABLE_INTERFACE.test(name))
      throw new Re6stError(
        'OPTION',
        `${JSON.stringify(name)}: an interface of this name cannot stand in a rule`,
      )
  const inDirectory = (path: string) => resolve(directory ?? '.', path)
  const [ca, cert] = await Promise.all([
    readIfThere('--ca', inDirectory(node.ca)),
    readIfThere('--cert', inDirectory(node.cert)),
  ])
  const network = ca === undefined ? undefined : usable('--ca', node.ca, readAuthority(ca)).network
  const prefix =
    cert === undefined ? undefined : usable('--cert', node.cert, readNodeCertificate(cert)).prefix
  const cached = cachedIpv4(inDirectory(`${node.stateDirectory}/cache.db`))
  return {
    surroundings: {
      options: node,
      own: network === undefined || prefix === undefined ? undefined : { network, prefix },
      ipv4Range: cached.range,
      registry: registryHere(registryFile),
      uplinks: {
        ipv4: await uplinksOf('ipv4', node.remoteGateways, processes),
        ipv6: await uplinksOf('ipv6', [], processes),
      },
    },
    isConfigurationKnown: cached.isKnown,
  }
}

async function readIfThere(option: string, path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Re6stError('FILE', `${option} ${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

function usable<T>(option: string, path: string, read: Result<T>): T {
  if (read.ok) return read.value
  throw new Re6stError('CERTIFICATE', `${option} ${path}: ${read.reason}`)
}

/** The IPv4 range of the network, as the node remembers it. */
function cachedIpv4(path: string): { readonly isKnown: boolean; readonly range: string | undefined } {
  if (!existsSync(path)) return { isKnown: false, range: undefined }
  try {
    const database = new Database(path, { readonly: true, fileMustExist: true })
    try {
      const read = database.prepare<[string], { value: unknown }>('SELECT value FROM config WHERE name = ?')
      const [range, bits] = [read.get('ipv4')?.value, read.get('ipv4_sublen')?.value]
      const isUsable = typeof range === 'string' && ipv4RangeLength(range, Number(bits)).ok
      return { isKnown: read.get('version') !== undefined, range: isUsable ? range : undefined }
    } finally {
      database.close()
    }
  } catch (error) {
    throw new Re6stError('FILE', `${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** The options of the registry that runs on this machine. */
function registryHere(file: string | undefined): RegistryOptions | undefined {
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

interface Route {
  readonly dev?: string
}

/** Interfaces of the default routes that are not ours, and of the ways to these gateways. */
async function uplinksOf(
  family: Family,
  gateways: readonly string[],
  processes: Processes,
): Promise<readonly string[]> {
  const ip = async (...words: string[]): Promise<readonly Route[]> => {
    const { stdout } = await processes.run('ip', ['-j', family === 'ipv4' ? '-4' : '-6', 'route', ...words])
    return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Route[])
  }
  const ways = await Promise.all(
    // A gateway that cannot be reached now has no interface.
    gateways.map((gateway) => ip('get', gateway).catch((): readonly Route[] => [])),
  )
  const devices = [...(await ip('show', 'default')), ...ways.flat()].flatMap(({ dev }) => dev ?? [])
  return [...new Set(devices)].filter((name) => name !== 'lo' && !name.startsWith('re6stnet'))
}
