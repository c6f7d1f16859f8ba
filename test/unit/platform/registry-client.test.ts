import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { encrypt, makeDecryptor, sign } from '../../../src/core/crypto/rsa.ts'
import { answerHmac, nextSecret } from '../../../src/core/rpc/session.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { memoryInUse } from '../../support/memory.ts'
import { fc } from '../../support/property.ts'
import { httpAnswer, type RogueServer, startRogueServer } from '../../support/rogue-server.ts'
import { recordedCertificate } from '../../support/sessions.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const caKey = createPrivateKey(pki.keys['ca'] ?? '')
const { prefix, publicKey } = recordedCertificate('node-a')
const TIMEOUT_MS = 2_000

const identity = {
  prefix,
  caPublicKey: new X509Certificate(pki.ca).publicKey,
  decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
}
const clientOf = (server: RogueServer) => new RegistryClient(server.url, identity, TIMEOUT_MS)

/** A registry that says hello rightly, and then answers a call as the test wants. */
const afterHello = (call: (socket: Socket, secret: Buffer) => void) => {
  let secret = Buffer.alloc(0)
  return (socket: Socket, target: string) => {
    if (!target.startsWith('/hello')) return call(socket, secret)
    secret = randomBytes(20)
    const encrypted = encrypt(publicKey, secret)
    socket.end(httpAnswer(Buffer.concat([encrypted, sign(caKey, encrypted)])))
  }
}

const authentic = (secret: Buffer, body: Uint8Array, of = body) =>
  httpAnswer(body, { headers: { Re6stHMAC: answerHmac(secret, of).toString('base64') } })

describe('an answer', () => {
  it('that is right is taken: the rest of these tests is about what is not', async () => {
    await using server = await startRogueServer(
      afterHello((socket, secret) => socket.end(authentic(secret, Buffer.from('here')))),
    )
    const client = clientOf(server)
    expect(client.isIdentityTold).toBe(false)
    expect((await client.getNetworkConfig()).toString()).toBe('here')
    expect(client.isIdentityTold).toBe(true)
    client.setIdentity(identity)
    expect(client.isIdentityTold).toBe(false)
  })

  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['no HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), /does not speak HTTP/],
    ['random bytes', (socket) => socket.end(randomBytes(4_000)), /does not speak HTTP|Parse Error/],
    ['nothing', (socket) => socket.destroy(), /closed without an answer|socket hang up/],
    [
      'half a body',
      (socket) => socket.end(httpAnswer('x'.repeat(100)).subarray(0, -50)),
      /cut off|aborted|without an answer/,
    ],
    [
      'half of a chunk',
      (socket) => socket.end('HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf'),
      /cut off|aborted|without an answer/,
    ],
    [
      'headers without an end',
      (socket) => pour(socket, 'HTTP/1.1 200 X\r\n', 'X-More: and more\r\n'.repeat(1_000)),
      /Header|header/,
    ],
    [
      'a body without an end',
      (socket) => pour(socket, 'HTTP/1.1 200 X\r\n\r\n', 'x'.repeat(1 << 16)),
      /longer than/,
    ],
    ['silence', () => {}, /no whole answer within 2 s/],
    ['a byte now and then', (socket) => drip(socket), /no whole answer within 2 s/],
    ['a page', (socket) => socket.end(httpAnswer('<html>', { status: 404 })), /knows no certificate/],
    [
      'a redirection',
      (socket) =>
        socket.end('HTTP/1.1 308 X\r\nLocation: https://new.example/hello\r\nContent-Length: 0\r\n\r\n'),
      /moved to https:\/\/new\.example\/hello/,
    ],
    [
      'that of a registry that has too much to do',
      (socket) => socket.end('HTTP/1.1 503 X\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n'),
      /try again in 2 s/,
    ],
    [
      'that of a proxy whose registry is not there',
      (socket) => socket.end(httpAnswer('<html>', { status: 502 })),
      /through its proxy/,
    ],
    [
      'garbage in place of hello',
      (socket) => socket.end(httpAnswer(randomBytes(512))),
      /not signed by our CA/,
    ],
    ['an empty hello', (socket) => socket.end(httpAnswer('', { status: 204 })), /not signed by our CA/],
  ])('that is %s is an error that says so, within the time-out', async (_, answer, message) => {
    await using server = await startRogueServer(answer)
    await expect(clientOf(server).getNetworkConfig()).rejects.toMatchObject({
      code: expect.stringMatching(/REGISTRY|NOT_FOUND/),
      message: expect.stringMatching(message),
    })
  })

  it.each<[string, (socket: Socket, secret: Buffer) => void]>([
    ['a wrong HMAC', (socket) => socket.end(authentic(randomBytes(20), Buffer.from('evil')))],
    ['no HMAC', (socket) => socket.end(httpAnswer('evil'))],
    ['an HMAC that is none', (socket) => socket.end(httpAnswer('evil', { headers: { Re6stHMAC: '%' } }))],
    [
      'the HMAC of another body',
      (socket, secret) => socket.end(authentic(secret, Buffer.from('evil'), Buffer.from('good'))),
    ],
  ])('with %s is not taken, after one more try', async (_, answer) => {
    await using server = await startRogueServer(afterHello(answer))
    await expect(clientOf(server).getNetworkConfig()).rejects.toThrow('its HMAC is wrong')
    expect(server.targets.filter((target) => target.startsWith('/getNetworkConfig'))).toHaveLength(2)
  })

  it.each<[string, boolean]>([
    ['signed', true],
    ['unsigned: the call was not looked at', false],
  ])('that says to come back later leaves the session as it is: %s', async (_, isSigned) => {
    let secret: Buffer = Buffer.alloc(0)
    let isBusy = true
    await using server = await startRogueServer(
      afterHello((socket, begun) => {
        if (secret.length === 0) secret = begun
        const body = Buffer.from('the standby is away\n')
        const headers = isSigned ? { Re6stHMAC: answerHmac(secret, body).toString('base64') } : {}
        const answer = isBusy
          ? httpAnswer(body, { status: 503, headers })
          : authentic(secret, Buffer.from('here'))
        if (!isBusy || isSigned) secret = nextSecret(secret)
        socket.end(answer)
      }),
    )
    const client = clientOf(server)
    for (let time = 0; time < 2; time++)
      await expect(client.getNetworkConfig()).rejects.toThrow('try again in')
    isBusy = false
    for (let time = 0; time < 2; time++) expect((await client.getNetworkConfig()).toString()).toBe('here')
    const hellos = server.targets.filter((target) => target.startsWith('/hello'))
    expect([hellos.length, server.targets.length]).toEqual([1, 5])
  })

  it('that is signed by another than our CA is not taken', async () => {
    const otherKey = createPrivateKey(pki.keys['other-ca'] ?? '')
    await using server = await startRogueServer((socket) => {
      const encrypted = encrypt(publicKey, randomBytes(20))
      socket.end(httpAnswer(Buffer.concat([encrypted, sign(otherKey, encrypted)])))
    })
    await expect(clientOf(server).getNetworkConfig()).rejects.toThrow('not signed by our CA')
  })

  it('of a registry that was bad is taken when it is good again, by the same client', async () => {
    let isGood = false
    await using server = await startRogueServer(
      afterHello((socket, secret) =>
        socket.end(isGood ? authentic(secret, Buffer.from('here')) : httpAnswer(randomBytes(50))),
      ),
    )
    const client = clientOf(server)
    await expect(client.getNetworkConfig()).rejects.toThrow('HMAC')
    isGood = true
    expect((await client.getNetworkConfig()).toString()).toBe('here')
  })

  it('that names a peer in any words is a peer, or refused', async () => {
    let said: Uint8Array = new Uint8Array()
    await using server = await startRogueServer(
      afterHello((socket, secret) => socket.end(authentic(secret, encrypt(publicKey, said)))),
    )
    const client = clientOf(server)
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.stringMatching(/^[01]{0,200} ?[a-z0-9.,;]{0,20}$/)),
        async (words) => {
          said = Buffer.from(words).subarray(0, 240)
          const peer = await client.getBootstrapPeer().catch((error: unknown) => error)
          if (peer instanceof Error) expect(peer).toMatchObject({ code: 'REGISTRY' })
          else expect((peer as { prefix: string }).prefix).toMatch(/^[01]{1,128}$/)
        },
      ),
      { numRuns: 30 },
    )
  })
})

it('endless answers leave no memory behind', async () => {
  await using server = await startRogueServer((socket) =>
    pour(socket, 'HTTP/1.1 200 X\r\n\r\n', 'x'.repeat(1 << 16)),
  )
  const client = clientOf(server)
  const ask = async (times: number) => {
    for (let time = 0; time < times; time++) await expect(client.getCa()).rejects.toThrow(/longer than/)
  }
  await ask(5)
  const before = memoryInUse()
  await ask(30)
  // The server, which is in this process, too, gives up what it was writing only when it has noticed the end.
  await waitFor(() => memoryInUse() - before < 8 << 20, {
    what: 'what was read to be given back',
    deadlineMs: 10_000,
  })
})

/** Writes for as long as somebody reads. */
function pour(socket: Socket, head: string, more: string): void {
  socket.write(head)
  const goOn = () => {
    while (!socket.destroyed && socket.write(more));
  }
  socket.on('drain', goOn)
  goOn()
}

function drip(socket: Socket): void {
  socket.write('HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n')
  const timer = setInterval(() => socket.write('x'), 100)
  socket.on('close', () => clearInterval(timer))
}

it('that has not come when the network of the machine changes is waited for no longer, and the next call is made', async () => {
  let isSilent = true
  let asked = 0
  await using server = await startRogueServer((socket, target) => {
    asked++
    if (!isSilent) afterHelloNow(socket, target)
  })
  const afterHelloNow = afterHello((socket, secret) => socket.end(authentic(secret, Buffer.from('here'))))
  const client = clientOf(server)
  const call = client.getNetworkConfig()
  const failed = expect(call).rejects.toThrow(/the network of this machine changed/)
  await waitFor(() => asked > 0, { what: 'the question', deadlineMs: TIMEOUT_MS })
  client.networkChanged()
  await failed
  isSilent = false
  expect((await client.getNetworkConfig()).toString()).toBe('here')
})

describe('a page in place of the registry', () => {
  it('is no token on its way', async () => {
    await using server = await startRogueServer((socket) => socket.end(httpAnswer('<html>welcome</html>')))
    await expect(clientOf(server).requestToken('a@example.com')).rejects.toMatchObject({ code: 'REGISTRY' })
  })
})
