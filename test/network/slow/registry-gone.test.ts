import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'

/** Much less than the whole answer may take. */
const GONE_MS = 30_000
/** Calls as a node does, and says what came. */
const CLIENT = fileURLToPath(new URL('../../support/registry-call.ts', import.meta.url))
/** Takes each question, and answers all of them when it hears a signal. */
const SLOW_SERVER = `
  const waiting = new Set()
  require('node:http').createServer((request, response) => {
    waiting.add(response)
    console.log('asked by ' + request.socket.remoteAddress)
  }).listen(80, '0.0.0.0', () => console.log('listening'))
  process.on('SIGUSR2', () => { for (const response of waiting) response.end('-----BEGIN CERTIFICATE-----') })
`

test('a registry that is slow is waited for; one that is gone, in the middle of a call, is soon known to be', () =>
  withLab({ name: 'registry-gone' }, async (lab) => {
    const registry = await lab.host('registry')
    const server = registry.start([process.execPath, '-e', SLOW_SERVER], { name: 'server' })
    await server.line(/^listening/)
    const ask = async (machine: Machine) => {
      const url = `http://${registry.addresses.ipv4}/`
      const call = machine.start([process.execPath, '--import', 'tsx', CLIENT, url], {
        directory: process.cwd(),
      })
      await server.line(new RegExp(`^asked by ${machine.addresses.ipv4}`))
      return call
    }
    const patient = await ask(await lab.host('patient'))
    const machine = await lab.host('cut-off')
    const cutOff = await ask(machine)
    await lab.cut(machine, registry)
    expect(await cutOff.line(/./, GONE_MS)).toMatch(/^failed: .*no answer/)
    process.kill(server.pid ?? 0, 'SIGUSR2')
    expect(await patient.line(/./)).toBe('answered')
  }))
