import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { decodeReply, decodeRequest } from '../../../../src/core/control/replies.ts'
import { Re6stError } from '../../../../src/core/errors.ts'
import { askNode } from '../../../../src/ctl/ask.ts'
import { type ControlAnswers, ControlServer } from '../../../../src/node/control/control-server.ts'
import { examplesOfDocument } from '../../../support/control-examples.ts'
import { memoryInUse } from '../../../support/memory.ts'
import { fc, test } from '../../../support/property.ts'
import { silentLog } from '../../../support/silent-log.ts'

const examples = examplesOfDocument()
const answers: ControlAnswers = {
  status: () => examples.status,
  tunnels: () => examples.tunnels,
  routes: () => examples.routes,
  explain: (node) => {
    if (node === '9/16') throw new Re6stError('OPTION', 'there is no such node')
    return { ...examples.explain, node }
  },
  trace: async (node) => ({ ...examples.trace, node }),
  events: (after) => ({ ...examples.events, last: after }),
  probe: async () => examples.probe,
  drain: (undo) => (undo ? { draining: null, forwarding: null } : examples.drain),
}

let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 're6st-control-')), 'control.sock')
})

async function started(): Promise<ControlServer> {
  const server = new ControlServer(path, silentLog)
  await server.start()
  server.serve(answers)
  return server
}

/** What comes back for raw text, until the connection is closed or a line is complete. */
const exchange = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const client = connect(path, () => client.write(text))
    let received = ''
    client.setEncoding('utf8').on('data', (part) => {
      received += String(part)
      if (received.endsWith('\n')) client.end()
    })
    client.on('close', () => resolve(received))
    client.on('error', reject)
  })

describe('the control socket', () => {
  it('answers what is asked, and says what can be asked', async () => {
    await using _ = await started()
    expect(await askNode(path, 'status')).toEqual(examples.status)
    expect(await askNode(path, 'tunnels')).toEqual(examples.tunnels)
    expect(await askNode(path, 'routes')).toEqual(examples.routes)
    expect(await askNode(path, 'probe')).toEqual(examples.probe)
    expect((await askNode(path, 'list')).map(({ request }) => request)).toEqual([
      'list',
      'status',
      'tunnels',
      'routes',
      'explain',
      'trace',
      'events',
      'probe',
      'drain',
    ])
  })

  it('is asked about a node, and about what happened after something', async () => {
    await using _ = await started()
    expect(await askNode(path, 'explain', 5_000, { node: '7/16' })).toEqual({
      ...examples.explain,
      node: '7/16',
    })
    expect(await askNode(path, 'trace', 5_000, { node: '7/16' })).toMatchObject({ node: '7/16' })
    expect(await askNode(path, 'events')).toMatchObject({ events: examples.events.events, last: 0 })
    expect(await askNode(path, 'events', 5_000, { after: 17 })).toMatchObject({ last: 17 })
    await expect(askNode(path, 'explain', 5_000, { node: '9/16' })).rejects.toThrow('there is no such node')
    expect(await askNode(path, 'drain')).toEqual(examples.drain)
    expect(await askNode(path, 'drain', 5_000, { undo: true })).toMatchObject({ draining: null })
    expect(await exchange('{"request":"drain","undo":1}\n')).toContain('is true or false')
    expect(await exchange('{"request":"explain"}\n')).toContain('whose ways?')
    expect(await exchange('{"request":"trace","node":7}\n')).toContain('whose ways?')
    expect(await exchange('{"request":"events","after":"x"}\n')).toContain('the number of an event')
  })

  it('is for its owner alone', async () => {
    await using _ = await started()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('refuses to start where another answers, and takes over what a killed one left', async () => {
    {
      await using _ = await started()
      await expect(new ControlServer(path, silentLog).start()).rejects.toThrow(/another re6stnet runs/)
    }
    await using again = await started()
    expect(again).toBeInstanceOf(ControlServer)
  })

  it('removes nothing but a socket', async () => {
    writeFileSync(path, 'precious')
    await expect(new ControlServer(path, silentLog).start()).rejects.toThrow(
      `--console ${path}: it exists and is not a socket; give another path`,
    )
    expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  it('refuses a path that the kernel would cut', async () => {
    await expect(new ControlServer(`/tmp/${'x'.repeat(120)}`, silentLog).start()).rejects.toThrow(
      /longer than 107 bytes/,
    )
  })

  it('refuses garbage and endless lines, and goes on', async () => {
    await using _ = await started()
    expect(await exchange('garbage\n')).toContain('not JSON')
    expect(await exchange('{"request":"everything"}\n')).toContain('unknown request')
    expect(await exchange('x'.repeat(70_000))).toContain('too long')
    expect(await askNode(path, 'status')).toEqual(examples.status)
  })

  it('does not go on answering one that does not read', async () => {
    await using _ = await started()
    const client = connect(path)
    const before = memoryInUse()
    client.write('{"request":"tunnels"}\n'.repeat(200_000))
    expect(await askNode(path, 'status')).toEqual(examples.status)
    expect(memoryInUse() - before).toBeLessThan(32 << 20)
    client.destroy()
  })

  it('answers many at once, also beside one that never asks', async () => {
    await using _ = await started()
    const silent = connect(path)
    const replies = await Promise.all(Array.from({ length: 20 }, () => askNode(path, 'tunnels')))
    expect(replies).toHaveLength(20)
    silent.destroy()
  })
})

describe('who asks', () => {
  it('is told why there is no answer', async () => {
    await expect(askNode(path, 'status')).rejects.toThrow(/no re6stnet runs with this run directory/)
    writeFileSync(path, '')
    await expect(askNode(path, 'status')).rejects.toThrow(/not a socket: give the control socket of a node/)
    await expect(askNode(`${path}/x`, 'status')).rejects.toThrow(/no re6stnet runs with this run directory/)
  })

  test('arbitrary text is no reply, and no request', fc.string({ maxLength: 200 }), (text) => {
    expect(decodeReply('status', text).ok).toBe(false)
    expect(decodeRequest(text).ok).toBe(false)
  })

  test('arbitrary JSON is a reply, or refused', fc.jsonValue(), (value) => {
    expect(decodeReply('tunnels', JSON.stringify({ status: 'ok', response: value }))).toHaveProperty('ok')
    expect(decodeRequest(JSON.stringify(value))).toHaveProperty('ok')
  })
})
