import { describe, expect, it } from 'vitest'
import { type ManagementMessage, ManagementReader } from '../../../../src/core/openvpn/management-reader.ts'
import { fc, test } from '../../../support/property.ts'

/** What OpenVPN 2.6.14 said, shortened. */
const SERVER = `>INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info
>HOLD:Waiting for hold release:0
SUCCESS: real-time state notification set to ON
>LOG:1795462896,D,MANAGEMENT: CMD 'hold release'
SUCCESS: hold release succeeded
>STATE:1795462896,CONNECTED,SUCCESS,,,,,
>CLIENT:CONNECT,0,1
>CLIENT:ENV,untrusted_ip=10.9.0.2
>CLIENT:ENV,common_name=1/16
>LOG:1795462896,,10.9.0.2:59304 TLS: Username/Password, deferred
>CLIENT:ENV,tls_id_0=O=Société Exemple, CN=1/16
>CLIENT:ENV,password=
>CLIENT:ENV,END
ERROR: client-auth command failed
>CLIENT:ESTABLISHED,0
>CLIENT:ENV,END
>BYTECOUNT_CLI:0,3164,3032
>CLIENT:ADDRESS,0,fe80::1,1
>CLIENT:DISCONNECT,0
>CLIENT:ENV,bytes_sent=3226
>CLIENT:ENV,END
>NOTIFY:info,remote-exit,EXIT
>FATAL:All connections have been connect-retry-max (3) times unsuccessful, exiting
`
const CLIENT = `>UPDOWN:UP
>UPDOWN:ENV,OPENVPN_external_ip=192.0.2.7
>UPDOWN:ENV,END
>BYTECOUNT:6016,6218
>UPDOWN:DOWN
>UPDOWN:ENV,END
>STATE:1795463079,RECONNECTING,connection-failed,,,,,
`

const read = (text: string | Uint8Array) => new ManagementReader().push(Buffer.from(text))

function messagesOf(text: string): ManagementMessage[] {
  const messages = read(text)
  if (!messages.ok) throw new Error(messages.reason)
  return messages.value
}

describe('a management connection', () => {
  it('of a server is understood', () => {
    expect(messagesOf(SERVER)).toEqual([
      { kind: 'other', text: ">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info" },
      { kind: 'hold' },
      { kind: 'answer', success: true, text: 'real-time state notification set to ON' },
      { kind: 'log', flags: 'D', text: "MANAGEMENT: CMD 'hold release'" },
      { kind: 'answer', success: true, text: 'hold release succeeded' },
      { kind: 'state', state: 'CONNECTED' },
      { kind: 'log', flags: '', text: '10.9.0.2:59304 TLS: Username/Password, deferred' },
      {
        kind: 'client-connect',
        cid: 0,
        kid: 1,
        environment: new Map([
          ['untrusted_ip', '10.9.0.2'],
          ['common_name', '1/16'],
        ]),
      },
      { kind: 'answer', success: false, text: 'client-auth command failed' },
      { kind: 'client-established', cid: 0, environment: new Map() },
      { kind: 'client-traffic', cid: 0, receivedBytes: 3164, sentBytes: 3032 },
      { kind: 'other', text: '>CLIENT:ADDRESS,0,fe80::1,1' },
      { kind: 'client-disconnect', cid: 0, environment: new Map() },
      { kind: 'other', text: '>NOTIFY:info,remote-exit,EXIT' },
      { kind: 'fatal', text: 'All connections have been connect-retry-max (3) times unsuccessful, exiting' },
    ])
  })

  it('lists where clients are', () => {
    const status = `TITLE\tOpenVPN 2.6.14
TIME\t2026-11-26 16:22:53\t1795710173
HEADER\tCLIENT_LIST\tCommon Name\tReal Address
CLIENT_LIST\t1/16\t203.0.113.201:36756\t\t\t8775\t5924\t2026-11-26 16:22:53\t1795710173\tUNDEF\t7\t0\tnone
CLIENT_LIST\t2/16\t[2001:db8::1]:40000\t\t\t8775\t5924\t2026-11-26 16:22:53\t1795710173\tUNDEF\t8\t1\tnone
CLIENT_LIST\t3/16\t2001:db8::2:40000\t\t\t8775\t5924\t2026-11-26 16:22:53\t1795710173\tUNDEF\t9\t2\tnone
CLIENT_LIST\t4/16\ttcp4-server:203.0.113.202:53188\t\t\t8775\t5924\t2026-11-26 16:22:53\t1795710173\tUNDEF\t11\t4\tnone
CLIENT_LIST\t5/16\tudp6:[2001:db8::3]:1194\t\t\t8775\t5924\t2026-11-26 16:22:53\t1795710173\tUNDEF\t12\t5\tnone
CLIENT_LIST\tUNDEF\tno address\t\t\t0\t0\t2026-11-26 16:22:53\t1795710173\tUNDEF\t10\t3\tnone
CLIENT_LIST\tmore\tor\tfewer
ROUTING_TABLE\t02:00:00:00:00:01\t1/16\t203.0.113.201:36756
GLOBAL_STATS\tMax bcast/mcast queue length\t3
END
`
    expect(messagesOf(status).filter(({ kind }) => kind !== 'other')).toEqual([
      { kind: 'client-address', cid: 7, underlay: { address: '203.0.113.201', port: 36_756 } },
      { kind: 'client-address', cid: 8, underlay: { address: '2001:db8::1', port: 40_000 } },
      { kind: 'client-address', cid: 9, underlay: { address: '2001:db8::2', port: 40_000 } },
      // OpenVPN 2.7 says the protocol, too.
      { kind: 'client-address', cid: 11, underlay: { address: '203.0.113.202', port: 53_188 } },
      { kind: 'client-address', cid: 12, underlay: { address: '2001:db8::3', port: 1_194 } },
      { kind: 'answer', success: true, text: '' },
    ])
  })

  it('of a client is understood', () => {
    expect(messagesOf(CLIENT)).toEqual([
      { kind: 'up', environment: new Map([['OPENVPN_external_ip', '192.0.2.7']]) },
      { kind: 'traffic', receivedBytes: 6016, sentBytes: 6218 },
      { kind: 'down', environment: new Map() },
      { kind: 'state', state: 'RECONNECTING' },
    ])
  })

  it('may have blocks of kinds that are not known', () => {
    const unknown =
      '>CLIENT:CR_RESPONSE,0,1,eA==\r\n>CLIENT:ENV,common_name=1/16\r\n>CLIENT:ENV,END\r\n>HOLD:x\r\n'
    expect(messagesOf(unknown).map(({ kind }) => kind)).toEqual(['other', 'hold'])
  })

  it('goes on whatever a peer is called, and however much it says of itself', () => {
    const attributes = Array.from({ length: 5_000 }, (_, n) => `>CLIENT:ENV,X509_0_OU_${n}=x\n`)
    const said = [
      ...['>CLIENT:CONNECT,0,1\n', ...attributes, `>CLIENT:ENV,tls_id_0=${'x'.repeat(200_000)}\n`],
      ...['>CLIENT:ENV,common_name=1/16\n', '>CLIENT:ENV,END\n', `>LOG:1,,${'x'.repeat(200_000)}\n`],
      '>HOLD:x\n',
    ].join('')
    const reader = new ManagementReader()
    const messages: ManagementMessage[] = []
    for (let at = 0; at < said.length; at += 4_096) {
      const read = reader.push(Buffer.from(said.slice(at, at + 4_096)))
      if (!read.ok) throw new Error(read.reason)
      messages.push(...read.value)
    }
    expect(messages.map(({ kind }) => kind)).toEqual(['client-connect', 'log', 'hold'])
    expect(messages[0]).toMatchObject({ environment: new Map([['common_name', '1/16']]) })
  })

  it('is refused when it makes no sense', () => {
    for (const text of [
      'hello\n',
      '>CLIENT:CONNECT,0\n',
      '>CLIENT:CONNECT,0,x\n',
      '>CLIENT:ESTABLISHED\n',
      '>CLIENT:DISCONNECT,-1\n',
      '>BYTECOUNT:1\n',
      '>BYTECOUNT_CLI:1,2\n',
      '>CLIENT:CONNECT,0,1\n>CLIENT:DISCONNECT,0\n',
    ])
      expect(read(text), text.slice(0, 60)).toMatchObject({ ok: false })
  })

  test(
    'reads the same in whatever pieces it arrives',
    fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 20 }),
    (sizes) => {
      const bytes = Buffer.from(SERVER + CLIENT)
      const reader = new ManagementReader()
      const messages: ManagementMessage[] = []
      for (let at = 0, piece = 0; at < bytes.length; piece++) {
        const size = (sizes[piece % sizes.length] ?? 0) + 1
        const read = reader.push(bytes.subarray(at, at + size))
        if (read.ok) messages.push(...read.value)
        at += size
      }
      expect(messages).toEqual(messagesOf(SERVER + CLIENT))
    },
  )

  test('of arbitrary bytes ends in messages or a refusal', fc.uint8Array({ maxLength: 300 }), (bytes) => {
    expect(typeof read(bytes).ok).toBe('boolean')
  })

  test(
    'with anything in known places ends in messages or a refusal, and never in a number that is none',
    fc.array(
      fc
        .tuple(
          fc.constantFrom(
            ...[
              '>HOLD:',
              '>STATE:',
              '>LOG:',
              '>FATAL:',
              '>BYTECOUNT:',
              '>BYTECOUNT_CLI:',
              'SUCCESS:',
              'ERROR:',
            ],
            ...['>CLIENT:CONNECT,', '>CLIENT:ENV,', '>CLIENT:ENV,END', '>CLIENT:', '>UPDOWN:UP', '>UPDOWN:'],
          ),
          fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{1,3},[0-9]{0,3},?[0-9]{0,3}$/)),
        )
        .map((parts) => parts.join('')),
    ),
    (lines) => {
      const messages = read(`${lines.join('\n')}\n`)
      if (!messages.ok) return
      for (const message of messages.value)
        for (const value of Object.values(message)) expect(value).not.toBeNaN()
    },
  )
})
