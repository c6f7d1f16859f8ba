import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import Database from 'better-sqlite3'
import { readAuthority, readNodeCertificate } from '../../core/crypto/certificate.ts'
import { AS_ROOT, codeOf, fileTroubleOf, messageOf, Re6stError } from '../../core/errors.ts'
import type { Family } from '../../core/firewall/permission.ts'
import { STRANGERS } from '../../core/firewall/probe.ts'
import type { Surroundings } from '../../core/firewall/surroundings.ts'
import { MULTICAST_INTERFACE } from '../../core/multicast/plan.ts'
import type { FirewallOptions } from '../../core/options/firewall-options.ts'
import type { Result } from '../../core/result.ts'
import { ipv4RangeLength } from '../../core/values/ipv4-payload.ts'
import { ipJson } from '../../platform/ip-json.ts'
import type { Processes } from '../../platform/processes.ts'
import { registryHere } from './registry-here.ts'

/** In a rule, other characters have a meaning of their own. */
const WRITABLE_INTERFACE = /^[\w.@-]+$/

/** Of whom the surroundings are. */
export type SurroundingsOptions = Pick<FirewallOptions, 'node' | 'directory' | 'registryFile'>

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
  { node, directory, registryFile }: SurroundingsOptions,
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
      registry: registryHere(registryFile, node.registry),
      uplinks: {
        ipv4: await uplinksOf('ipv4', node.remoteGateways, processes),
        ipv6: await uplinksOf('ipv6', [], processes),
      },
      tunnels: await tunnelsHere(processes),
    },
    isConfigurationKnown: cached.isKnown,
  }
}

async function readIfThere(option: string, path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new Re6stError('FILE', `${option} ${path}: cannot be read: ${fileTroubleOf(error)}`, {
      cause: error,
    })
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
    // It is there, and only root can open it.
    const trouble = codeOf(error) === 'SQLITE_CANTOPEN' ? `no permission: ${AS_ROOT}` : messageOf(error)
    throw new Re6stError('FILE', `${path}: cannot be read: ${trouble}`, { cause: error })
  }
}

/** The tunnels that there are; what carries multicast between programs and routing is none. */
async function tunnelsHere(processes: Processes): Promise<readonly string[]> {
  return (await ipJson<{ ifname: string }>(processes, 'link', 'show'))
    .map(({ ifname }) => ifname)
    .filter((name) => name.startsWith('re6stnet') && name !== MULTICAST_INTERFACE)
}

interface Route {
  readonly dev?: string
  /** Of a route with several ways. */
  readonly nexthops?: readonly { readonly dev?: string }[]
}

/** Interfaces of the default routes that are not ours, and of the ways to these gateways. */
async function uplinksOf(
  family: Family,
  gateways: readonly string[],
  processes: Processes,
): Promise<readonly string[]> {
  const ip = (...words: string[]) =>
    ipJson<Route>(processes, family === 'ipv4' ? '-4' : '-6', 'route', ...words)
  const ways = await Promise.all(
    // A gateway that cannot be reached now has no interface.
    // A host on the Internet: the default route may be in two halves, or in another table.
    [...gateways, STRANGERS[family]].map((host) => ip('get', host).catch((): readonly Route[] => [])),
  )
  const devices = [...(await ip('show', 'default')), ...ways.flat()].flatMap(({ dev, nexthops = [] }) => [
    ...(dev === undefined ? [] : [dev]),
    ...nexthops.flatMap((one) => one.dev ?? []),
  ])
  return [...new Set(devices)].filter((name) => name !== 'lo' && !name.startsWith('re6stnet'))
}
