import { constants } from 'node:fs'
import { access, readdir, readFile, stat, statfs } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { DirectoryFacts } from '../../core/doctor/directories.ts'
import type { FileFacts, IdentityFacts } from '../../core/doctor/identity.ts'
import {
  type ConnectionProfile,
  readConnectionProfile,
  type UsedInterface,
} from '../../core/doctor/network-manager.ts'
import { codeOf, messageOf } from '../../core/errors.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { ok, refuse } from '../../core/result.ts'

/** Reads the files of the node's identity. */
export async function identityFacts({
  ca,
  cert,
  key,
}: Pick<NodeOptions, 'ca' | 'cert' | 'key'>): Promise<IdentityFacts> {
  const [caFacts, certFacts, keyFacts] = await Promise.all([
    fileFacts('--ca', ca),
    fileFacts('--cert', cert),
    fileFacts('--key', key),
  ])
  return { ca: caFacts, cert: certFacts, key: keyFacts }
}

async function fileFacts(option: string, given: string): Promise<FileFacts> {
  const path = resolve(given)
  const [content, mode] = await Promise.all([
    readFile(path, 'utf8').then(ok, (error: unknown) => refuse(reasonOf(error))),
    stat(path).then(
      (found) => found.mode & 0o777,
      () => undefined,
    ),
  ])
  return { option, path, content, mode }
}

/** Looks at the directories that a node writes to. */
export const directoryFacts = ({
  logDirectory,
  runDirectory,
  stateDirectory,
}: Pick<NodeOptions, 'logDirectory' | 'runDirectory' | 'stateDirectory'>): Promise<DirectoryFacts[]> =>
  Promise.all([
    factsOfDirectory('--log', logDirectory),
    factsOfDirectory('--run', runDirectory),
    factsOfDirectory('--state', stateDirectory),
  ])

async function factsOfDirectory(option: string, given: string): Promise<DirectoryFacts> {
  const path = await nearest(resolve(given))
  const [obstacle, space] = await Promise.all([obstacleTo(path), statfs(path).catch(() => undefined)])
  return {
    option,
    path,
    obstacle,
    freeBytes: space && space.bavail * space.bsize,
    // Some file systems have no table of files that could be full.
    freeFiles: space === undefined || space.files === 0 ? undefined : space.ffree,
  }
}

/** The directory, or that above in which the node would make it. */
async function nearest(path: string): Promise<string> {
  try {
    await stat(path)
    return path
  } catch (error) {
    const isMissing = codeOf(error) === 'ENOENT'
    return isMissing && path !== dirname(path) ? nearest(dirname(path)) : path
  }
}

async function obstacleTo(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return 'it is not a directory'
    await access(path, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** Where NetworkManager keeps connection profiles (nm-settings-keyfile(5)). */
const PROFILE_DIRECTORIES = ['/etc', '/run', '/usr/lib'].map((path) =>
  join(path, 'NetworkManager/system-connections'),
)

/** Reads the profiles of NetworkManager; none where it is not installed. */
export async function connectionProfiles(): Promise<ConnectionProfile[]> {
  const files = await Promise.all(
    PROFILE_DIRECTORIES.map(async (directory) =>
      (await readdir(directory).catch(() => [])).map((name) => join(directory, name)),
    ),
  )
  const loaded = await Promise.all(files.flat().map(async (file) => ((await isLoaded(file)) ? [file] : [])))
  return Promise.all(
    loaded
      .flat()
      .map(async (file) => readConnectionProfile(file, await readFile(file, 'utf8').catch(() => ''))),
  )
}

/**
 * What NetworkManager takes no notice of: hidden files and copies of editors, what is no key file outside of /etc, and what
 * others than root could have changed or read.
 */
async function isLoaded(file: string): Promise<boolean> {
  const name = basename(file)
  if (/^\.|~$|\.(?:sw[a-p]|bak|tmp|pid|rpmnew|rpmsave|dpkg-\w+)$/i.test(name)) return false
  if (!file.startsWith('/etc/') && !name.endsWith('.nmconnection')) return false
  const found = await stat(file).catch(() => undefined)
  return found?.isFile() === true && found.uid === 0 && (found.mode & 0o077) === 0
}

/** Interfaces as NetworkManager sees them. */
export async function usedInterfaces(names: readonly string[]): Promise<UsedInterface[]> {
  const all = networkInterfaces()
  return Promise.all(
    names.map(async (name) => ({
      name,
      macAddress: all[name]?.[0]?.mac.toLowerCase(),
      type: (await isThere(`/sys/class/net/${name}/wireless`)) ? 'wifi' : undefined,
    })),
  )
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'it does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'no permission'
    case 'EROFS':
      return 'its file system is read-only'
    default:
      return messageOf(error)
  }
}
