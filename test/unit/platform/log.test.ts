import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Re6stError } from '../../../src/core/errors.ts'
import { openLog } from '../../../src/platform/log.ts'
import { appendLogLine } from '../../../src/platform/log-file.ts'
import { LogLimit } from '../../../src/platform/log-limit.ts'
import { temporaryDirectory } from '../../support/registry.ts'

/** What the next writes do instead of writing. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }))
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const writeSync = (fd: number, bytes: Buffer, offset: number) => {
    if (disk.room <= 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    const written = fs.writeSync(fd, bytes, offset, Math.min(bytes.length - offset, disk.room))
    disk.room -= written
    return written
  }
  return { ...fs, writeSync }
})

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 're6st-log-'))
  file = join(directory, 'log', 're6stnet.log')
})
afterEach(() => {
  disk.room = Number.POSITIVE_INFINITY
  rmSync(directory, { recursive: true })
})
const lines = () => readFileSync(file, 'utf8').trimEnd().split('\n')

it('logs are for root and a group of administrators, whatever the umask', () => {
  const before = process.umask(0)
  try {
    openLog({ file, verbosity: 2 })
    const other = join(directory, 'log', 're6stnet1.log')
    appendLogLine(other, 'a line')
    appendLogLine(other, 'another')
    expect([file, other].map((path) => statSync(path).mode & 0o777)).toEqual([0o640, 0o640])
    expect(readFileSync(other, 'utf8')).toBe('a line\nanother\n')
  } finally {
    process.umask(before)
  }
})

it('who hears warnings has their text, as long as it wants', () => {
  const { logger, hearWarnings } = openLog({ file, verbosity: 2 })
  const heard: string[] = []
  {
    using _ = hearWarnings((text) => void heard.push(text))
    logger.info('all is well')
    logger.warn({ reason: 'connection\nrefused' }, 'the registry gives no configuration')
  }
  logger.warn('later')
  expect(heard).toEqual(['the registry gives no configuration reason="connection\\nrefused"'])
})

describe('a log on a disk that is full', () => {
  it('loses lines and says how many, when there is space again', () => {
    const { logger } = openLog({ file, verbosity: 2 })
    logger.info('before')
    disk.room = 10
    for (let count = 0; count < 100_000; count++) logger.info('into the void')
    disk.room = Number.POSITIVE_INFINITY
    logger.info('after')
    expect(lines().map((line) => line.slice(24))).toEqual([
      'INFO  before',
      '',
      'INFO  after',
      'WARN  log lines were lost: they could not be written omitted=100000',
    ])
  })

  it('that is one really ends no process', () => {
    const script = `import { openLog } from './src/platform/log.ts'
      const { logger } = openLog({ file: '/dev/full', verbosity: 2 })
      for (let count = 0; count < 1000; count++) logger.info('into the void')
      console.log('alive')`
    const said = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script])
    expect(said.toString()).toBe('alive\n')
  })
})

describe('a log that is opened anew', () => {
  it('goes on in a new file when the old one was moved', () => {
    const { logger, reopen } = openLog({ file, verbosity: 2 })
    logger.info('one')
    renameSync(file, `${file}.1`)
    reopen()
    logger.info('two')
    expect(lines()).toEqual([expect.stringContaining('two')])
  })

  it('goes on where it was when there is no place for a new file', () => {
    const { logger, reopen } = openLog({ file, verbosity: 2 })
    renameSync(join(directory, 'log'), join(directory, 'moved'))
    execFileSync('touch', [join(directory, 'log')])
    reopen()
    logger.info('still here')
    expect(readFileSync(join(directory, 'moved', 're6stnet.log'), 'utf8')).toMatch(/goes on[\s\S]*still here/)
  })
})

it('nothing that is logged reaches a terminal as a command, be it the message, a field or an error', () => {
  const file = join(temporaryDirectory(), 'registry.log')
  const { logger } = openLog({ file, verbosity: 2 })
  // With the bytes of C1, of which \x9b is the same as \x1b[, and a line end.
  const hostile = 'a\x1b[31m\x9b2J\r\nWARN  forged\x7f@example.com'
  logger.warn(hostile)
  logger.warn({ email: hostile, deep: { text: hostile }, err: new Re6stError('FILE', hostile) }, 'told')
  logger.error({ err: new Error(hostile) }, 'told')
  const text = readFileSync(file, 'utf8')
  expect(text.split('\n')).toHaveLength(4)
  expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
})

it('an error that was foreseen is told without its stack', () => {
  const file = join(temporaryDirectory(), 're6stnet.log')
  const { logger } = openLog({ file, verbosity: 1 })
  logger.error({ err: new Re6stError('FILE', 'a file is missing') }, 'the node stops')
  logger.error({ err: new Error('odd') }, 'the node stops')
  const [foreseen, odd] = readFileSync(file, 'utf8').split('\n')
  expect(foreseen).toMatch(/ERROR the node stops error="a file is missing"$/)
  expect(odd).toMatch(/error="Error: odd\\n +at /)
})

it('of lines that others can bring about, a few are written, then one in ten minutes with the number of the others', () => {
  let nowMs = 0
  const limit = new LogLimit({ monotonicMs: () => nowMs })
  const written: (number | undefined)[] = []
  const write = (kind: string) => limit.write(kind, ({ omitted }) => written.push(omitted))
  for (let count = 0; count < 1_000; count++) write('one')
  expect(written).toEqual(Array(5).fill(undefined))
  nowMs += 600_000
  write('one')
  expect(written.at(-1)).toBe(995)
  write('one')
  write('another')
  expect(written).toHaveLength(7)
})
