import { existsSync, renameSync, statSync } from 'node:fs'

/** What SQLite keeps beside a database. */
const BESIDE = ['-wal', '-shm', '-journal']

/** Names for what was there before a restore, which is no other's place: the first may be the only one that is whole. */
function* namesAfter(path: string): Generator<string, never> {
  const first = `${path}.before-restore`
  yield first
  for (let number = 2; ; number++) yield `${first}.${number}`
}

/** @param exchanged what is restored: if it is one of those before, both change places */
export function nameForBefore(path: string, exchanged?: string): string {
  for (const name of namesAfter(path)) {
    const isFree = ['', ...BESIDE].every((suffix) => !existsSync(`${name}${suffix}`))
    if (isFree || (exchanged !== undefined && isSameFile(name, exchanged))) return name
  }
  throw new Error('there is always another name')
}

/** The latest that there is. */
export function lastBefore(path: string): string | undefined {
  let last: string | undefined
  for (const name of namesAfter(path)) {
    if (!existsSync(name)) return last
    last = name
  }
  return last
}

export function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map((name) => statSync(name, { throwIfNoEntry: false }))
  return one !== undefined && one.dev === two?.dev && one.ino === two.ino
}

/** A journal that stayed where another database is would be taken for its own. */
export function moveDatabase(from: string, to: string): void {
  for (const suffix of [...BESIDE, ''])
    if (existsSync(`${from}${suffix}`)) renameSync(`${from}${suffix}`, `${to}${suffix}`)
}
