import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Lab, withLab } from '../../lab/lab.ts'
import type { Machine } from '../../lab/machine.ts'

/** An address of ours that leads nowhere: nobody is there, and there is no way. */
const NOWHERE = { ipv4: '203.0.113.77', ipv6: '2001:db8:99::1' }
const DEADLINE_MS = 60_000

/** A DNS server that says of every name that it is nowhere, as that of a provider who sells what is not found. */
const LIAR = `
  const { createSocket } = require('node:dgram')
  const socket = createSocket('udp4').on('message', (question, { port, address }) => {
    const isA = question.readUInt16BE(question.length - 4) === 1 || question.includes(Buffer.from([0, 0, 1, 0, 1]))
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ${NOWHERE.ipv4.replaceAll('.', ', ')}])
    const end = question.indexOf(0, 12) + 5
    const head = Buffer.from(question.subarray(0, end))
    head.writeUInt16BE(0x8180, 2)
    for (const [at, count] of [[4, 1], [6, isA ? 1 : 0], [8, 0], [10, 0]]) head.writeUInt16BE(count, at)
    socket.send(isA ? Buffer.concat([head, answer]) : head, port, address)
  }).bind(53, '127.0.0.1', () => console.log('listening'))`

const SCRIPT = ['--import', 'tsx', '--input-type=module', '-e']

/** Runs a program of this project on a machine that has these files in /etc. @returns what it prints */
async function runWith(machine: Machine, files: Readonly<Record<string, string>>, program: string) {
  mkdirSync(machine.directory, { recursive: true })
  const mounts = Object.entries(files).map(([name, content]) => {
    const file = path.join(machine.directory, name)
    writeFileSync(file, content)
    return `mount --bind ${file} /etc/${name} && `
  })
  const { stdout, stderr } = await machine.capture(
    ...(['unshare', '--mount', 'sh', '-c', `${mounts.join('')}exec "$@"`, 'sh', process.execPath] as const),
    ...[...SCRIPT, program],
  )
  return `${stdout}${stderr}`
}

const moduleAt = (file: string) =>
  JSON.stringify(fileURLToPath(new URL(`../../src/${file}`, import.meta.url)))

/** A machine that is connected over IPv4 alone, and has an IPv6 address all the same: a node's own. */
async function ipv4Only(lab: Lab): Promise<Machine> {
  const machine = await lab.host('a', { families: ['ipv4'] })
  await machine.run('ip', 'addr', 'add', '2001:db8:42:5::1/64', 'dev', 'lo')
  return machine
}

describe('a name', () => {
  test('with an IPv6 address that leads nowhere is reached over IPv4, also when the first packet is lost', () =>
    withLab({ name: 'names' }, async (lab) => {
      const [client, server] = [await ipv4Only(lab), await lab.host('b')]
      const listener = server.start([
        ...[process.execPath, '-e'],
        `require('node:http').createServer((_, answer) => answer.end('here')).listen(80, () => console.log('listening'))`,
      ])
      await listener.line(/listening/)
      await server.setRules(`
        table inet lossy {
          set seen { type inet_service; flags dynamic; timeout 1m; }
          chain input {
            type filter hook input priority filter; policy accept;
            tcp dport 80 tcp flags syn tcp sport != @seen add @seen { tcp sport } drop
          }
        }`)
      const said = await runWith(
        client,
        { hosts: `${server.addresses.ipv4} registry.test\n${NOWHERE.ipv6} registry.test\n` },
        `import { httpGet } from ${moduleAt('platform/http-get.ts')}
         const { body } = await httpGet(new URL('http://registry.test/'), '/', { timeoutMs: ${DEADLINE_MS}, maxBodyLength: 99 })
         console.log(String(body))`,
      )
      expect(said).toBe('here')
    }))

  test('of a mail server is what this machine takes it for, whatever DNS says', () =>
    withLab({ name: 'mail-name' }, async (lab) => {
      const machine = await ipv4Only(lab)
      const liar = machine.start([process.execPath, '-e', LIAR])
      await liar.line(/listening/)
      const mailbox = fileURLToPath(new URL('../support/mailbox-process.ts', import.meta.url))
      const server = machine.start([process.execPath, '--import', 'tsx', mailbox, '25'], {
        directory: process.cwd(),
      })
      await lab.waitFor(async () => (await machine.run('ss', '-Hltn', 'sport = 25')).stdout !== '', {
        what: 'the mail server',
        deadlineMs: DEADLINE_MS,
      })
      const said = await runWith(
        machine,
        { hosts: '127.0.0.1 localhost mail.test\n', 'resolv.conf': 'nameserver 127.0.0.1\n' },
        `import { resolve4 } from 'node:dns/promises'
         import { openMailer } from ${moduleAt('registry/mail.ts')}
         console.log(...(await resolve4('mail.test')))
         const mailer = openMailer({ mailhost: 'mail.test', user: undefined, password: undefined, startTls: false })
         await mailer.send({ from: 'a@example.com', to: 'b@example.com', subject: 's', text: 't' })`,
      )
      expect(said).toBe(NOWHERE.ipv4)
      expect(await server.line(/"b@example\.com"/)).toContain('Subject: s')
    }))
})
