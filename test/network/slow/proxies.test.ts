import { describe, expect, it } from 'vitest'
import { installed } from '../../support/installed.ts'
import { startNginx } from '../../support/nginx.ts'
import { rawExchange } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'

const nginx = installed('nginx')

/** Addresses of loopback but the first count as those of other machines. */
const [OPERATOR, STRANGER, OTHER, NAMED_PROXY, OTHER_PROXY] = [
  '127.0.0.11',
  '127.0.0.12',
  '127.0.0.13',
  '127.0.0.21',
  '127.0.0.22',
]
const FORWARDED = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'

/** A registry that trusts one proxy, and nginx in front of it: as that, as another machine's, and as it is without options. */
async function registryBehindNginx(settings: Parameters<typeof testRegistry>[0] = {}, limits = {}) {
  const registry = await testRegistry(
    { authorizedOrigins: [OPERATOR], trustedProxies: [NAMED_PROXY], ...settings },
    { serverLimits: limits },
  )
  const location = (...lines: string[]) =>
    `location / { proxy_pass http://127.0.0.1:${registry.addresses[0]?.port}; ${lines.join(' ')} }`
  const proxy = await startNginx([
    location(`proxy_bind ${NAMED_PROXY};`, FORWARDED),
    location(`proxy_bind ${OTHER_PROXY};`, FORWARDED),
    location(FORWARDED),
    location(),
  ])
  const [named = 0, other = 0, ofThisMachine = 0, plain = 0] = proxy.ports
  const statusOf = async (port: number, method: string, source: string, headers = '') => {
    const request = `GET /${method} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`
    return (await rawExchange(port, request, { source })).status
  }
  return {
    ...{ named, other, ofThisMachine, plain, statusOf },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

const PRIVATE = 'isToken?token=none'

describe.skipIf(nginx.missing)(`a registry behind nginx${nginx.note}`, () => {
  it('answers everybody, and the operator behind the proxy that it trusts', async () => {
    await using behind = await registryBehindNginx()
    const { statusOf, named, other, ofThisMachine, plain } = behind
    for (const port of [named, other, ofThisMachine, plain])
      expect(await statusOf(port, 'getCa', STRANGER)).toBe(200)
    expect(await statusOf(named, PRIVATE, OPERATOR)).toBe(204)
    expect(await statusOf(named, PRIVATE, STRANGER)).toBe(403)
  })

  it('believes of that proxy what it adds itself, and not what its client says', async () => {
    await using behind = await registryBehindNginx()
    const { statusOf, named } = behind
    for (const said of [OPERATOR, '127.0.0.1', `${OPERATOR}, ${NAMED_PROXY}`])
      expect(await statusOf(named, PRIVATE, STRANGER, `X-Forwarded-For: ${said}\r\n`)).toBe(403)
  })

  it('lets nobody call private methods through any other, and not the operator either', async () => {
    await using behind = await registryBehindNginx()
    const { statusOf, other, ofThisMachine } = behind
    for (const port of [other, ofThisMachine])
      for (const source of [OPERATOR, STRANGER, '127.0.0.1']) {
        expect(await statusOf(port, PRIVATE, source)).toBe(403)
        expect(await statusOf(port, PRIVATE, source, 'X-Forwarded-For: 127.0.0.1\r\n')).toBe(403)
      }
  })

  it('that says nothing of its client needs --private: it cannot be told from a program of this machine', async () => {
    const privateListener = { kind: 'socket', path: `${temporaryDirectory()}/private.sock` } as const
    await using behind = await registryBehindNginx({ privateListener })
    const { statusOf, plain, named } = behind
    expect(await statusOf(plain, PRIVATE, STRANGER)).toBe(403)
    expect(await statusOf(named, PRIVATE, OPERATOR)).toBe(403)
    expect(await statusOf(plain, 'getCa', STRANGER)).toBe(200)
  })

  it('counts what each client asks, not what the proxy does', async () => {
    await using behind = await registryBehindNginx({}, { callsPerSecond: 0.001, callsAtOnce: 3 })
    const { statusOf, named } = behind
    const statuses: (number | undefined)[] = []
    for (let call = 0; call < 4; call++) statuses.push(await statusOf(named, 'getCa', STRANGER))
    expect(statuses).toEqual([200, 200, 200, 429])
    expect(await statusOf(named, 'getCa', OTHER)).toBe(200)
  })
})
