import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MappingMethod } from '../../src/node/port-mapping/mapping-method.ts'
import { createPortMapper, type PortMapper, type PortToMap } from '../../src/node/port-mapping/port-mapper.ts'
import type { Clock } from '../../src/platform/clock.ts'
import type { Logger } from '../../src/platform/log.ts'
import { routedByFakeGateway } from './fake-gateway.ts'
import { seededRandom } from './random.ts'

/** A port mapper of a user who counts on it, with all that it says. */
export interface TestedMapper extends AsyncDisposable {
  readonly mapper: PortMapper
  readonly stateFile: string
  /** What it logged: level and text. */
  readonly said: readonly string[]
}

/** Starts a port mapper behind a fake gateway. */
export function mapAtFakeGateway(
  clock: Clock,
  methods: readonly MappingMethod[],
  listeners: readonly PortToMap[] = [{ protocol: 'tcp', port: 1194 }],
  { isExpected = true } = {},
): TestedMapper {
  const directory = mkdtempSync(join(tmpdir(), 'port-mapper-'))
  const said: string[] = []
  const logs = (level: string) => (fields: unknown, text?: string) =>
    void said.push(`${level}: ${text ?? String(fields)}`)
  const log = {
    error: logs('error'),
    warn: logs('warn'),
    info: logs('info'),
    debug: logs('debug'),
  } as unknown as Logger
  const stateFile = join(directory, 'port-mappings.json')
  const mapper = createPortMapper({
    listeners,
    clock,
    random: seededRandom(1),
    log,
    processes: routedByFakeGateway,
    stateFile,
    isExpected,
    methods,
  })
  return {
    mapper,
    stateFile,
    said,
    async [Symbol.asyncDispose]() {
      await mapper[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true })
    },
  }
}
