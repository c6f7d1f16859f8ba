import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { PairState } from '../../../src/registry/api/schemas/standby.ts'
import { DEADLINE_MS } from '../../support/networks.ts'
import { runRegistryCommand } from '../../support/registry-command.ts'

const PORT = 7379
/** As the promise is. */
const A_MINUTE_MS = 60_000
const ASK =
  'exec 3<>/dev/tcp/$0/80; printf "GET /getCa HTTP/1.0\\r\\n\\r\\n" >&3; grep -q "BEGIN CERTIFICATE" <&3'

test('the registry’s machine dies: its standby serves the network at the moved address within a minute', () =>
  withLab({ name: 'standby' }, async (lab) => {
    const first = await lab.host('first')
    const second = await lab.host('second')
    const third = await lab.host('third')
    const secret = path.join(lab.directory, 'secret')
    writeFileSync(secret, 'a secret of a test, which both machines have\n')
    const pairOptions = (own: typeof first, other: typeof first) => [
      // Addresses of the machines themselves: the IPv4 address of the first is that of the registry, and moves.
      ...['--peer', `[${other.addresses.ipv6}]:${PORT}`, '--peer-listen', `[${own.addresses.ipv6}]:${PORT}`],
      ...['--peer-secret', secret, '--anonymous-prefix-length', '16'],
    ]
    const network = await Re6stNetwork.create(lab, {
      registryOn: first,
      registryOptions: pairOptions(first, second),
    })
    await network.join(first)
    const standbyNode = await network.join(second)
    const other = await network.join(third)
    const database = path.join(second.directory, 'registry.db')
    const standby = async (...words: string[]): Promise<unknown> =>
      JSON.parse((await runRegistryCommand('standby', ...words, '--db', database, '--json')).text)
    second.start(
      [
        ...programOf('re6st-registry'),
        ...['--ca', network.authority.caFile, '--key', network.authority.keyFile, '--db', database],
        ...['--hello', '1', '--logfile', path.join(second.directory, 'registry.log')],
        ...['--mailhost', path.join(second.directory, 'mbox'), '--verbose', '3'],
        ...[...pairOptions(second, first), '--standby'],
      ],
      { name: 're6st-registry' },
    )
    await lab.waitFor(
      async () => ((await standby('status').catch(() => undefined)) as PairState | undefined)?.isRegistered,
      { what: 'the standby to have everything', deadlineMs: DEADLINE_MS },
    )
    // The last that the primary gives.
    const late = await network.enrol(await lab.host('late'), { anonymous: true })
    await network.allPairsPing({ nodes: [standbyNode, other], deadlineMs: 3 * DEADLINE_MS })

    await first.powerOff()
    const lostMs = performance.now()
    await lab.waitFor(async () => ((await standby('status')) as PairState).connection === 'away', {
      what: 'the standby to miss the primary',
      deadlineMs: A_MINUTE_MS,
    })
    await standby('promote', '--node', standbyNode.subnetName)
    const address = first.addresses.ipv4 ?? ''
    await second.run('ip', 'address', 'add', `${address}/32`, 'dev', 'eth0')
    await lab.internet.router.run(
      'ip',
      'route',
      'replace',
      `${address}/32`,
      'dev',
      second.cable?.routerPort ?? '',
    )
    await lab.waitFor(
      async () => {
        const { end } = await third.capture('bash', '-c', ASK, address)
        return end.kind === 'exited' && end.status === 0
      },
      { what: 'the standby to serve', deadlineMs: A_MINUTE_MS - (performance.now() - lostMs) },
    )

    // Enrolment; hello and getNetworkConfig, without which a node does not start; and who was enrolled last by the one before.
    const newcomer = await network.join(await lab.host('newcomer'), { anonymous: true })
    late.start()
    await network.allPairsPing({
      nodes: [standbyNode, other, late, newcomer],
      deadlineMs: 3 * DEADLINE_MS,
    })
    expect(newcomer.prefix).not.toBe(late.prefix)

    // The former primary is back.
    await first.boot()
    await expect(network.startRegistry()).rejects.toThrow()
  }))
