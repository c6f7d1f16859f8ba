// Stands between a node and its registry, and does to the answers what the file says that is named in the order, its
// only argument. Prints a line for each request that comes.
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { deflateSync, inflateSync } from 'node:zlib'
import { makeDecryptor } from '../../src/core/crypto/rsa.ts'
import { HMAC_HEADER } from '../../src/core/rpc/methods.ts'
import { answerHmac, nextSecret } from '../../src/core/rpc/session.ts'
import { type HttpAnswer, httpGet } from '../../src/platform/http-get.ts'

/** What to stand between. */
export interface RogueOrder {
  readonly port: number
  readonly registryUrl: string
  /** Where the present behaviour is written. */
  readonly behaviourFile: string
  /** The node's key: to make answers that are wrong, but authentic. There may be none yet. */
  readonly keyFile: string
}

/** What comes instead of the registry's answer; `good`: that itself. */
export type RogueBehaviour =
  | 'good'
  | 'garbage'
  | 'garbage-in-http'
  | 'half-body'
  | 'endless-body'
  | 'wrong-hmac'
  | 'status-500'
  | 'redirect'
  | 'wrong-types'
  | 'wrong-signature'
  | 'silence'

const order = JSON.parse(process.argv[2] ?? '') as RogueOrder
const registry = new URL(order.registryUrl)
/** What this node's next call is signed with. */
let secret: Buffer | undefined

createServer((request, response) => {
  const target = request.url ?? ''
  const behaviour = readFileSync(order.behaviourFile, 'utf8') as RogueBehaviour
  console.log(`${behaviour} ${target.slice(0, 60)}`)
  const hmac = request.headers[HMAC_HEADER.toLowerCase()]
  ask(target, typeof hmac === 'string' ? { [HMAC_HEADER]: hmac } : {}).then(
    (answer) => misbehave(behaviour, target, answer, response),
    () => response.destroy(),
  )
}).listen(order.port, '127.0.0.1', () => console.log('listening'))

async function ask(target: string, headers: Record<string, string>): Promise<HttpAnswer> {
  const answer = await httpGet(registry, target, { headers, timeoutMs: 60_000, maxBodyLength: 4 << 20 })
  if (target.startsWith('/hello')) secret = secretOf(answer.body)
  return answer
}

function secretOf(hello: Buffer): Buffer {
  const decrypt = makeDecryptor(createPrivateKey(readFileSync(order.keyFile)))
  return decrypt(hello.subarray(0, hello.length / 2))
}

function misbehave(
  behaviour: RogueBehaviour,
  target: string,
  { status, headers, body }: HttpAnswer,
  response: ServerResponse,
): void {
  const socket = response.socket as Socket
  const given = String(headers[HMAC_HEADER.toLowerCase()] ?? '')
  const send = (what: Buffer, hmac = given) => {
    // Also the registry has gone on to the next secret.
    if (given !== '' && secret) secret = nextSecret(secret)
    response.writeHead(status, {
      'Content-Length': what.length,
      Connection: 'close',
      ...(hmac === '' ? {} : { [HMAC_HEADER]: hmac }),
    })
    response.end(status === 204 ? undefined : what)
  }
  switch (behaviour) {
    case 'good':
      return send(body)
    case 'garbage':
      return void socket.end(Buffer.from('\x16\x03 no HTTP at all \0\r\n\r\n'.repeat(100)))
    case 'garbage-in-http':
      return send(Buffer.alloc(512, 0xa5))
    case 'half-body':
      response.writeHead(200, { 'Content-Length': body.length, [HMAC_HEADER]: given })
      response.write(body.subarray(0, body.length / 2), () => socket.end())
      return
    case 'endless-body':
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      return pour(socket, Buffer.alloc(1 << 16, 'x'))
    case 'wrong-hmac':
      return send(body, given && Buffer.alloc(20, 1).toString('base64'))
    case 'status-500':
      return void response.writeHead(500, { Connection: 'close' }).end('it broke')
    case 'redirect':
      return void response
        .writeHead(302, { Location: new URL(target, registry).href, Connection: 'close' })
        .end()
    case 'wrong-types':
    case 'wrong-signature': {
      // A registry that was started anew knows no secret, and refuses.
      if (!target.startsWith('/getNetworkConfig') || !secret || given === '') return send(body)
      const wrong = behaviour === 'wrong-types' ? withWrongTypes(body) : withWrongSignature(body)
      return send(wrong, answerHmac(secret, wrong).toString('base64'))
    }
    case 'silence':
      return
  }
}

type Config = Record<string, unknown>

const changed = (body: Buffer, change: (config: Config) => Config): Buffer =>
  deflateSync(JSON.stringify(change(JSON.parse(inflateSync(body).toString()) as Config)))

const withWrongTypes = (body: Buffer): Buffer =>
  changed(body, (config) => ({ ...config, hello: 'soon', client_count: [10], crl: 'none', encrypt: {} }))

const withWrongSignature = (body: Buffer): Buffer =>
  changed(body, (config) => {
    const version = Buffer.from(String(config['version']), 'base64')
    version[version.length - 1] = (version.at(-1) ?? 0) ^ 1
    return { ...config, version: version.toString('base64') }
  })

/** Writes for as long as somebody reads. */
function pour(socket: Socket, more: Buffer): void {
  const goOn = () => {
    while (!socket.destroyed && socket.write(more));
  }
  socket.on('error', () => {}).on('drain', goOn)
  goOn()
}
