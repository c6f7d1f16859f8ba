import { describe, expect, it } from 'vitest'
import type { CandidateReply, EventReply } from '../../../src/core/control/routing-replies.ts'
import { eventLine, eventsText, explanationText, traceText } from '../../../src/ctl/routing-text.ts'
import { examplesOfDocument } from '../../support/control-examples.ts'

const { explain, trace, events } = examplesOfDocument()
const look = { colours: false, nowMs: Date.parse('2026-11-23T21:40:00Z') }

describe('the ways to a node', () => {
  it('are a table: the one that is taken, the others with why they are not, and those that are gone', () => {
    expect(explanationText(explain, look).split('\n')).toEqual([
      '5/16  2001:db8:42:5::1',
      '2001:db8:42:5::/64',
      '   NEXT HOP  IFACE      METRIC  ANNOUNCED  LINK  RTT      WHY',
      '*  0/16      re6stnet1  202     96         106   11.2 ms  taken',
      '   7/16      re6stnet2  310     204        106   11.9 ms  infeasible: it could lead back here',
      '   3/16      re6stnet3  198     -          -     -        gone for 3 min: it did not answer',
    ])
  })

  const [destination] = explain.destinations
  const [candidate] = destination?.candidates ?? []
  const why = (more: Partial<CandidateReply>) => {
    const candidates = candidate ? [{ ...candidate, ...more }] : []
    const text = explanationText(
      { ...explain, destinations: [{ prefix: 'p', candidates, former: [] }] },
      look,
    )
    return text.split('\n').slice(1)
  }

  it.each<[Partial<CandidateReply>, string]>([
    [{ reason: 'worse' }, 'not better'],
    [{ reason: 'hysteresis', smoothedMetric: 311 }, 'better, but not for long enough: 311 on average'],
    [{ reason: 'retracted', metric: 65535, announcedMetric: 65535 }, 'announced no more'],
    [{ reason: 'link-unusable', linkCost: null, roundTripMs: null }, 'the link cannot be used'],
    [{ reason: 'unknown', feasible: null }, 'babeld does not say which'],
    [{ draining: true, unansweredMs: 230 }, 'taken; the link is being left; no answer for 0.2 s'],
    [{ doubted: true, unansweredMs: 230 }, 'taken; no answer for 0.2 s'],
    [{ doubted: true, unansweredMs: null }, 'taken; the neighbour did not answer lately'],
  ])('%j is explained', (more, text) => {
    expect(why(more).at(-1)).toContain(text)
  })

  it('where there is none, that is said first', () => {
    expect(why({ reason: 'retracted', metric: 65535 })[0]).toBe('p: packets have no way there')
    const none = { ...explain, destinations: [{ prefix: '2001:db8:42:5::/64', candidates: [], former: [] }] }
    expect(explanationText(none, look)).toContain('2001:db8:42:5::/64: no way: no neighbour announces one')
    expect(explanationText({ ...explain, own: true, destinations: [] }, look)).toContain('this node itself')
  })

  it('of what babeld has forgotten, it is said that it says nothing', () => {
    const former = {
      via: 'fe80::1',
      iface: 'x',
      nextHop: null,
      metric: null,
      since: '2026-11-23T21:39:00Z',
      cause: null,
    }
    const lost = { ...explain, destinations: [{ prefix: 'p', candidates: [], former: [former] }] }
    expect(explanationText(lost, look)).toContain('gone for 60 s: babeld does not say how it noticed')
    // With babeld, whoever was lost is shown with every destination: also where nobody has ever announced one.
    expect(explanationText(lost, look)).toContain('p: no way: no neighbour announces one')
  })
})

describe('what happened', () => {
  it('is a line each, with its cause', () => {
    expect(eventsText(events).split('\n')).toEqual([
      '2026-11-23T21:37:00.000Z  neighbour 3/16 (re6stnet3 fe80::ac10:3) is lost: it did not answer',
      '2026-11-23T21:37:00.000Z  packets to 5/16 go over 0/16 (re6stnet1), metric 202: the best that is left',
    ])
    expect(eventsText({ events: [], forgotten: 0, last: 0 })).toBe('nothing has happened yet')
    expect(eventsText({ ...events, forgotten: 3 })).toContain(
      '(3 earlier events are not remembered any more)',
    )
  })

  const [event] = events.events
  const line = (more: Partial<EventReply>) => event && eventLine({ ...event, time: 'T', ...more })

  it.each<[Partial<EventReply>, string]>([
    [
      { kind: 'neighbour-up', metric: 96, cause: 'heard' },
      'T  neighbour 3/16 (re6stnet3 fe80::ac10:3) can be used, cost 96: heard',
    ],
    [
      { kind: 'neighbour-lost', node: null, cause: null },
      'T  neighbour of unknown name (re6stnet3 fe80::ac10:3) is lost',
    ],
    [
      { kind: 'neighbour-doubted', metric: 12000 },
      'T  neighbour 3/16 (re6stnet3 fe80::ac10:3) is doubted, cost 12000: it did not answer',
    ],
    [
      { kind: 'neighbour-trusted', metric: 96, cause: null },
      'T  neighbour 3/16 (re6stnet3 fe80::ac10:3) is trusted again, cost 96',
    ],
    [
      { kind: 'way-left', node: null, prefix: '::/0', nextHop: null, cause: 'replaced' },
      'T  packets to ::/0 go over fe80::ac10:3 (re6stnet3) no more: there is a better one',
    ],
    [
      { kind: 'tunnel-up', via: '203.0.113.1', cause: null },
      'T  tunnel with 3/16 (re6stnet3 203.0.113.1) is up',
    ],
    [
      { kind: 'tunnel-down', via: null, cause: 'connection reset' },
      'T  tunnel with 3/16 (re6stnet3) ended: connection reset',
    ],
    [
      { kind: 'tunnel-failed', node: null, via: null, cause: 'bad \u001b[2J' },
      'T  tunnel with anyone (re6stnet3) could not be made: bad \\u001b[2J',
    ],
    [{ kind: 'router-restarted', node: null, cause: null }, 'T  routing was restarted'],
    [
      { kind: 'something-new' as EventReply['kind'] },
      'T  something-new 3/16 (re6stnet3 fe80::ac10:3): it did not answer',
    ],
  ])('%j is told', (more, text) => {
    expect(line(more)).toBe(text)
  })
})

it('the way there and back is hop by hop, and says where it was lost', () => {
  expect(traceText(trace, look).split('\n')).toEqual([
    '5/16  2001:db8:42:5::1',
    'there',
    '     NODE  ADDRESS           LINK     FROM HERE',
    '  1  0/16  2001:db8:42::1    11.2 ms  11.4 ms',
    '  2  5/16  2001:db8:42:5::1  -        21.9 ms    as packets show',
    'back',
    '  not followed to its end: 5/16 does not know the question: it runs the Python implementation, or an older version',
  ])
})
