import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type Diagnosis, FINDING_CODES, inOrder } from '../../../src/core/doctor/finding.ts'
import { judgePorts } from '../../../src/core/doctor/ports.ts'
import { judgeReachability } from '../../../src/core/doctor/reachability.ts'
import { diagnosisText } from '../../../src/ctl/doctor/report.ts'

const PLAIN = { colours: false, nowMs: 0 }

/** What the real judges say of a machine on which a lot is wrong. */
const ILL: Diagnosis = {
  findings: inOrder([
    ...judgeReachability({
      uptimeMs: 3_600_000,
      listeners: [{ port: 1194, protocol: 'udp' }],
      advertised: [
        { host: '192.0.2.7', port: 1194, protocol: 'udp', country: undefined, text: '192.0.2.7,1194,udp' },
      ],
      interfaceAddresses: ['192.0.2.7'],
      given: [],
      isForwarded: false,
      served: new Set(),
      dialled: [{ address: '192.0.2.7,1194,udp', by: '5/16', reached: false, reason: 'no answer' }],
    }),
    ...judgePorts([
      {
        transport: 'UDP',
        port: 326,
        option: undefined,
        holders: ['python3 (process 812)'],
      },
    ]),
  ]),
  warnings: [],
  notExamined: ['pings, ICMPv6 and MTU: the program ping is not there (apt-get install iputils-ping)'],
}

describe('the report of re6st doctor', () => {
  it('is one line where nothing is wrong', () => {
    expect(diagnosisText({ findings: [], warnings: [], notExamined: [] }, PLAIN)).toBe(
      'healthy: nothing wrong was found',
    )
  })

  it('does not hide what was not looked at behind a machine that is well', () => {
    expect(diagnosisText({ ...ILL, findings: [] }, PLAIN).split('\n')).toEqual([
      'healthy: nothing wrong was found',
      '',
      `not examined: ${ILL.notExamined[0]}`,
    ])
  })

  it('says what is wrong and what to do, the most important first', () => {
    expect(diagnosisText(ILL, PLAIN)).toMatchInlineSnapshot(`
      "2 problems found

      port-taken
        UDP port 326, which the node needs, is taken by python3 (process 812): the node cannot start
        → stop that program (a re6stnet that was started by hand?): nodes talk to each other by this port, so there can be no other

      port-unreachable
        others cannot connect to 192.0.2.7, UDP port 1194 (5/16 tried: no answer)
        → let UDP port 1194 in on this machine (re6st firewall --check names what drops it) and at firewalls and security groups in front of it; if the address is wrong, give the right one with --ip

      not examined: pings, ICMPv6 and MTU: the program ping is not there (apt-get install iputils-ping)"
    `)
  })

  it('warns of what works and should be known, and keeps the terminal as it is', () => {
    const warned = diagnosisText(
      {
        ...ILL,
        findings: [],
        warnings: [{ code: 'not-encrypted', what: 'a\u001b[2Jb', remedy: 'c\u009bd' }],
      },
      PLAIN,
    )
    expect(warned).toMatch(/^healthy/)
    expect(warned).toContain('warning: not-encrypted\n  a\\u001b[2Jb\n  → c\\u009bd')
  })

  it('counts one problem as one', () => {
    expect(diagnosisText({ ...ILL, findings: ILL.findings.slice(0, 1) }, PLAIN)).toMatch(/^1 problem found\n/)
  })

  it('has all that --json has, in colours, too', () => {
    const everything: Diagnosis = {
      findings: FINDING_CODES.map((code) => ({ code, what: `what ${code}`, remedy: `remedy ${code}` })),
      warnings: [],
      notExamined: ['one', 'two'],
    }
    const plain = diagnosisText(everything, PLAIN)
    const facts = everything.findings.flatMap(({ code, what, remedy }) => [
      code,
      `  ${what}`,
      `  → ${remedy}`,
    ])
    expect(plain.split('\n').filter((line) => line !== '')).toEqual([
      `${FINDING_CODES.length} problems found`,
      ...facts,
      'not examined: one',
      'not examined: two',
    ])
    const coloured = diagnosisText(everything, { ...PLAIN, colours: true })
    expect(stripVTControlCharacters(coloured)).toBe(plain)
  })
})
