import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'

/** Which file is where. */
const files = () =>
  readdirSync('dist', { recursive: true, encoding: 'utf8' })
    .map((name) => [name, statSync(path.join('dist', name)).ino] as const)
    .sort()

it('a build of the same sources leaves each file in its place, from which programs may be running', () => {
  const before = files()
  expect(before.map(([name]) => name)).toEqual(
    expect.arrayContaining(['re6stnet.js', 'page/page.js', 'page/index.html']),
  )
  execFileSync(process.execPath, ['scripts/build.mjs'])
  expect(files()).toEqual(before)
})
