import { chmod, chown, lstat, mkdtemp, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  keepOwnerSync,
  makeDirectories,
  makeDirectoriesSync,
  replaceFile,
  replaceFileOfThisBoot,
} from '../../../src/platform/files.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 're6st-files-'))
})

describe.each([
  ['for long', replaceFile],
  ['for this boot', replaceFileOfThisBoot],
])('a file that is replaced %s', (_, replace) => {
  test('gets the given mode, if it is new', async () => {
    await replace(join(directory, 'key'), 'secret', 0o600)
    expect(await readFile(join(directory, 'key'), 'utf8')).toBe('secret')
    expect((await stat(join(directory, 'key'))).mode & 0o777).toBe(0o600)
  })

  test('keeps its mode, and its owner when we may set it', async () => {
    const path = join(directory, 'cert')
    await writeFile(path, 'old')
    await chmod(path, 0o640)
    if (process.getuid?.() === 0) await chown(path, 1234, 1235)
    const before = await stat(path)
    await replace(path, 'new')
    const after = await stat(path)
    expect(await readFile(path, 'utf8')).toBe('new')
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid])
  })

  test('is there as it was after a failure, and nothing else', async () => {
    // A directory in the way: the rename fails after everything was written.
    await writeFile(join(directory, 'file'), 'old')
    await expect(replace(directory, 'new')).rejects.toThrow()
    expect(await readdir(directory)).toEqual(['file'])
    expect((await readdir(join(directory, '..'))).filter((name) => name.endsWith('.new'))).toEqual([])
  })
})

test('directories are made with those above them, and may be there already', async () => {
  const path = join(directory, 'a', 'b', 'c')
  await makeDirectories(path)
  await makeDirectories(path)
  expect((await stat(path)).isDirectory()).toBe(true)
  const other = join(directory, 'd', 'e', 'f')
  makeDirectoriesSync(other)
  makeDirectoriesSync(other)
  expect((await stat(other)).isDirectory()).toBe(true)
})

test.each([
  ['a file', () => join(directory, 'file'), 'EEXIST'],
  ['below a file', () => join(directory, 'file', 'x'), 'ENOTDIR'],
  ['where the kernel has no directories', () => '/proc/x/y', 'ENOENT'],
])('a directory cannot be made of %s: an error, not an attempt for ever', async (_, path, code) => {
  await writeFile(join(directory, 'file'), '')
  await expect(makeDirectories(path())).rejects.toMatchObject({ code })
  expect(() => makeDirectoriesSync(path())).toThrow(expect.objectContaining({ code }))
})

test.skipIf(process.geteuid?.() !== 0)(
  'a file that root makes for somebody else is his, but not what he has a link lead to in its place',
  async () => {
    await chown(directory, 1234, 1235)
    const own = join(directory, 'registry.db')
    await writeFile(own, 'made')
    keepOwnerSync(join(directory, 'none-yet'), own)
    expect((await stat(own)).uid).toBe(1234)

    const ofRoot = join(await mkdtemp(join(tmpdir(), 're6st-files-')), 'shadow')
    await writeFile(ofRoot, 'secret')
    const link = join(directory, 'link')
    await symlink(ofRoot, link)
    keepOwnerSync(join(directory, 'none-yet'), link)
    expect((await lstat(link)).uid).toBe(1234)
    expect((await stat(ofRoot)).uid).toBe(0)
  },
)

test.skipIf(process.geteuid?.() !== 0)(
  'the kernel is not asked to give a file to whoever has it: services without privileges may not ask',
  async () => {
    const path = join(directory, 'registry.db')
    await writeFile(path, 'made')
    const changed = async () => (await stat(path, { bigint: true })).ctimeNs
    const before = await changed()
    keepOwnerSync(join(directory, 'none-yet'), path)
    expect(await changed()).toBe(before)
    await chown(path, 0, 0)
    expect(await changed()).not.toBe(before)
  },
)
