import { expect, it } from 'vitest'
import type { MethodTrouble } from '../../../../src/core/port-mapping/trouble.ts'
import { GatewayReport } from '../../../../src/node/port-mapping/gateway-report.ts'
import type { PortMappingState } from '../../../../src/node/port-mapping/port-mapping-state.ts'
import { silentLog } from '../../../support/silent-log.ts'

const STATE: PortMappingState = {
  ...{ externalAddress: '20.0.113.1', gateway: '192.168.1.1', method: 'pcp' as const },
  ports: [{ protocol: 'tcp', internalPort: 1194, externalPort: 40_000 }],
}
const refused = (reason: string): MethodTrouble => ({ method: 'upnp', trouble: { kind: 'refused', reason } })

/** What was logged, by level. */
function report({ isExpected }: { readonly isExpected: boolean }) {
  const said: [level: string, text: string][] = []
  const at =
    (level: string) =>
    (...args: unknown[]) =>
      void said.push([level, String(args.at(-1))])
  const log = { ...silentLog, warn: at('warn'), info: at('info'), debug: at('debug') } as typeof silentLog
  const ports = [{ protocol: 'tcp', internalPort: 1194 }] as const
  const made = new GatewayReport({ log, ports, isExpected })
  return { report: made, said, levels: () => said.splice(0).map(([level]) => level) }
}

it('each kind of trouble is said once, until the gateway forwards', () => {
  const made = report({ isExpected: true })
  made.report.refuses([refused('no')])
  made.report.refuses([refused('not now')])
  expect(made.levels()).toEqual(['warn', 'debug'])
  made.report.forwards(STATE, false)
  made.report.forwards(STATE, false)
  expect(made.said).toEqual([['info', 'the gateway forwards tcp 40000 to 1194']])
  made.levels()
  made.report.refuses([refused('no')])
  expect(made.levels()).toEqual(['warn'])
})

it('what nobody counts on is no warning, and no gateway at all is worth no line', () => {
  const made = report({ isExpected: false })
  expect(made.report.refuses([refused('no')])).toContain('no')
  made.report.refuses([])
  made.report.forwards({ ...STATE, externalAddress: undefined }, true)
  expect(made.levels()).toEqual(['info', 'debug', 'info'])
})

it('a gateway behind NAT has to be seen to by who counts on it', () => {
  const made = report({ isExpected: true })
  made.report.forwards({ ...STATE, externalAddress: undefined }, true)
  expect(made.said).toEqual([['warn', expect.stringContaining('is itself behind NAT')]])
})
