import { expect, test } from 'vitest'
import { eventText } from '../../../../../src/registry/page/machines/event-text.ts'

test.each([
  [{ kind: 'enrolled', detail: '7' }, 'enrolled, with certificate 7'],
  [{ kind: 'renewed', detail: '8' }, 'renewed: has certificate 8 now'],
  [{ kind: 'revoked' }, 'revoked'],
  [{ kind: 'revoked', detail: '8' }, 'revoked: certificate 8'],
  [{ kind: 'seen' }, 'was there again'],
  [{ kind: 'lost' }, 'was not there any more'],
  [{ kind: 'moved', detail: '192.0.2.1' }, 'was seen elsewhere: at 192.0.2.1'],
] as const)('%o happened: %s', (event, words) => {
  expect(eventText(event)).toBe(words)
})
