import { expect, it } from 'vitest'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { LocalNode } from '../../../src/registry/local-node.ts'
import { silentLog } from '../../support/silent-log.ts'

it('a version that is announced while the registry stops is told to nobody, and does not end it', () => {
  const node = new LocalNode({ clock: systemClock, log: silentLog }, 1)
  node[Symbol.dispose]()
  expect(() => node.announceVersion(prefixOfBits('0'.repeat(16)))).not.toThrow()
})
