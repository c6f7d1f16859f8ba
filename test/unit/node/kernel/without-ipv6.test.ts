import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createKernel } from '../../../../src/node/kernel/kernel.ts'
import { systemProcesses } from '../../../../src/platform/processes.ts'
import { procSysctls } from '../../../../src/platform/sysctls.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import { silentEvents } from '../../../support/silent-events.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

it('a kernel without IPv6 is named as what is wrong, before anything is changed', async () => {
  const written: string[] = []
  const kernel = createKernel({
    ...{ processes: systemProcesses, clock: steppedClock(), log: silentLog },
    events: silentEvents,
    stateFile: join(temporaryDirectory(), 'kernel.json'),
    // As such a kernel shows them.
    sysctls: {
      read: async (path) => (path.startsWith('net/ipv6/') ? undefined : procSysctls.read(path)),
      write: async (path) => void written.push(path),
    },
  })
  await expect(kernel.prepare([])).rejects.toMatchObject({
    code: 'SYSTEM',
    message: expect.stringMatching(/^this kernel has no IPv6, .*ipv6\.disable=1/),
  })
  await kernel.stop()
  expect(written).toEqual([])
})
