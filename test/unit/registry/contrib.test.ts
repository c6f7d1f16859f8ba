import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { freePort } from '../../support/free-port.ts'
import { installed } from '../../support/installed.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const CONTRIB = resolve('contrib')
const DEADLINE_MS = 60_000
const csr = vectors<{ csr: Record<string, string> }>('pki.json').csr['node-a'] ?? ''
const prometheus = installed('prometheus')
const promtool = installed('promtool')

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[]
}
const dashboard = JSON.parse(readFileSync(join(CONTRIB, 'grafana-dashboard.json'), 'utf8')) as Dashboard
const rules = readFileSync(join(CONTRIB, 're6stnet.rules.yml'), 'utf8')
const OURS = /\b(?:re6st_registry|process)_[a-z_]+/g

describe.skipIf(promtool.missing)(`for promtool${promtool.note}`, () => {
  it.each([
    ['check', 'config', 'prometheus.yml'],
    ['check', 'rules', 're6stnet.rules.yml'],
    ['test', 'rules', 're6stnet.rules.test.yml'],
  ])('%s %s %s is without faults', async (...args) => {
    const { exitCode, all } = await execa('promtool', args, { cwd: CONTRIB, reject: false, all: true })
    expect({ exitCode, all }).toMatchObject({ exitCode: 0 })
  })

  it('the metrics of the registry are without faults', async () => {
    await using registry = await testRegistry()
    const text = await (await fetch(`${registry.url}metrics`)).text()
    const { stdout, stderr } = await execa('promtool', ['check', 'metrics'], { input: text, reject: false })
    expect(`${stdout}${stderr}`).toBe('')
  })
})

it('dashboard and alerts ask for nothing that the registry does not have', async () => {
  await using registry = await testRegistry()
  const text = await (await fetch(`${registry.url}metrics`)).text()
  const known = new Set([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '']) => name))
  // Only with --tls-cert.
  known.add('re6st_registry_tls_end_timestamp_seconds')
  // Only with --peer.
  for (const name of ['registered', 'current']) known.add(`re6st_registry_standby_${name}`)
  const asked = [rules, ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))]
    .flatMap((one) => [...one.matchAll(OURS)].map(([name]) => name))
    .map((name) => name.replace(/_(bucket|count|sum)$/, ''))
  expect(asked.length).toBeGreaterThan(10)
  expect([...new Set(asked)].filter((name) => !known.has(name))).toEqual([])
})

describe.skipIf(prometheus.missing)(`a real Prometheus${prometheus.note}`, () => {
  it('reads the registry, discovers its nodes, and answers what the dashboard asks', async () => {
    await using registry = await testRegistry()
    await new RegistryClient(registry.url).requestCertificate({ token: '', csr })
    const directory = temporaryDirectory()
    const registryPort = registry.addresses[0]?.port ?? 0
    const config = readFileSync(join(CONTRIB, 'prometheus.yml'), 'utf8')
      .replaceAll('localhost:80', `127.0.0.1:${registryPort}`)
      .replace('re6stnet.rules.yml', join(CONTRIB, 're6stnet.rules.yml'))
    writeFileSync(
      join(directory, 'prometheus.yml'),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }\n${config}`,
    )
    const port = await freePort()
    const process = spawn(
      'prometheus',
      [
        ...[
          '--config.file',
          join(directory, 'prometheus.yml'),
          '--storage.tsdb.path',
          join(directory, 'data'),
        ],
        ...['--web.listen-address', `127.0.0.1:${port}`],
      ],
      { stdio: 'ignore' },
    )
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
      return (await answer.json()) as {
        status: string
        data: { activeTargets?: Target[]; result?: unknown[] }
      }
    }
    try {
      const targets = await waitFor(
        async () => {
          const { activeTargets = [] } = (await ask('targets')).data
          const isUp = activeTargets.some(
            ({ labels, health }) => labels['job'] === 're6st-registry' && health === 'up',
          )
          return isUp && activeTargets.length === 2 && activeTargets
        },
        { what: 'Prometheus', deadlineMs: DEADLINE_MS, intervalMs: 200 },
      )
      const node = targets.find(({ labels }) => labels['job'] === 're6st-nodes')
      expect(node?.labels).toMatchObject({
        node: '0/32',
        instance: expect.stringMatching(/^\[2001:db8:42::1\]:9100$/),
      })
      for (const { title, targets } of dashboard.panels)
        for (const { expr } of targets)
          expect(await ask(`query?query=${encodeURIComponent(expr)}`), title).toMatchObject({
            status: 'success',
          })
      const valid = await ask('query?query=re6st_registry_certificates_by_state{state="valid"}==1')
      expect(valid.data.result).toHaveLength(1)
    } finally {
      process.kill('SIGTERM')
      if (process.exitCode === null) await once(process, 'exit')
    }
  }, 120_000)
})

interface Target {
  labels: Record<string, string>
  health: string
}
