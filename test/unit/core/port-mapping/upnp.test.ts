import { describe, expect, it } from 'vitest'
import { readIgdDescription } from '../../../../src/core/port-mapping/igd-description.ts'
import { readPortEntry } from '../../../../src/core/port-mapping/port-entry.ts'
import { formatSoapRequest, readSoapAnswer, troubleOfFault } from '../../../../src/core/port-mapping/soap.ts'
import { formatSearch, readSearchAnswer } from '../../../../src/core/port-mapping/ssdp.ts'
import { escapeXml, xmlTokens } from '../../../../src/core/port-mapping/xml.ts'
import { fc, test } from '../../../support/property.ts'

const IGD2 = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2'
const GATEWAY = '192.168.1.1'
const LOCATION = new URL('http://192.168.1.1:5000/root.xml')

const searchAnswer = (headers: Readonly<Record<string, string>>, status = 'HTTP/1.1 200 OK') =>
  Buffer.from(
    [status, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n'),
  )

const service = (type: string, url: string) =>
  `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><controlURL>${url}</controlURL></service>`

describe('a search for gateways', () => {
  it('is as the standard draws it', () => {
    expect(formatSearch(IGD2)).toBe(
      `M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ${IGD2}\r\n\r\n`,
    )
  })

  it('is answered with the place of the description', () => {
    const answer = searchAnswer({ st: IGD2, Location: LOCATION.href, 'X-Other': 'a:b' })
    expect(readSearchAnswer(answer, GATEWAY)).toEqual({
      ok: true,
      value: { location: LOCATION, isGateway: true },
    })
    const named = searchAnswer({ ST: 'upnp:rootdevice', LOCATION: 'http://router.lan:5000/root.xml' })
    expect(readSearchAnswer(named, GATEWAY)).toEqual({
      ok: true,
      value: { location: LOCATION, isGateway: false },
    })
  })

  it.each<[string, Buffer]>([
    ['at another host', searchAnswer({ ST: IGD2, LOCATION: 'http://198.51.100.1/root.xml' })],
    ['by another protocol', searchAnswer({ ST: IGD2, LOCATION: 'file:///etc/passwd' })],
    ['of something else', searchAnswer({ ST: 'urn:x:device:MediaServer:1', LOCATION: LOCATION.href })],
    ['nowhere', searchAnswer({ ST: IGD2 })],
    ['that is none', searchAnswer({ ST: IGD2, LOCATION: LOCATION.href }, 'NOTIFY * HTTP/1.1')],
  ])('is not answered by a description %s', (_, answer) => {
    expect(readSearchAnswer(answer, GATEWAY).ok).toBe(false)
  })

  test('refuses any other bytes', fc.uint8Array({ maxLength: 500 }), (bytes) => {
    expect(readSearchAnswer(bytes, GATEWAY).ok).toBe(false)
  })
})

describe('a description', () => {
  it('names the connections, the newer standard first', () => {
    const xml = `<?xml version="1.0"?><root><device><serviceList>
      ${service('Layer3Forwarding:1', '/l3f')}${service('WANPPPConnection:1', '/ppp')}
      ${service('WANIPConnection:1', '/ip1')}${service('WANIPConnection:2', 'ctl/ip2')}
      </serviceList></device></root>`
    expect(readIgdDescription(xml, LOCATION)).toEqual({
      ok: true,
      value: [
        {
          serviceType: 'urn:schemas-upnp-org:service:WANIPConnection:2',
          controlUrl: new URL('http://192.168.1.1:5000/ctl/ip2'),
        },
        {
          serviceType: 'urn:schemas-upnp-org:service:WANIPConnection:1',
          controlUrl: new URL('http://192.168.1.1:5000/ip1'),
        },
        {
          serviceType: 'urn:schemas-upnp-org:service:WANPPPConnection:1',
          controlUrl: new URL('http://192.168.1.1:5000/ppp'),
        },
      ],
    })
  })

  it('may say from where its URLs are counted', () => {
    const xml = `<root><URLBase>http://192.168.1.1:49000/</URLBase>${service('WANIPConnection:1', '/c?a=1&amp;b=2')}</root>`
    const found = readIgdDescription(xml, LOCATION)
    expect(found.ok && found.value[0]?.controlUrl.href).toBe('http://192.168.1.1:49000/c?a=1&b=2')
  })

  it.each([
    ['at another host', service('WANIPConnection:1', 'http://198.51.100.1/ctl')],
    ['by another protocol', service('WANIPConnection:1', 'https://192.168.1.1/ctl')],
    ['of another kind', service('WANCommonInterfaceConfig:1', '/ctl')],
    [
      'without a URL',
      '<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType></service>',
    ],
    ['of which there is none', '<root/>'],
  ])('does not name a connection %s', (_, xml) => {
    expect(readIgdDescription(xml, LOCATION).ok).toBe(false)
  })

  test('is read in whatever form it comes', fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
    expect(readIgdDescription(text, LOCATION).ok).toBe(false)
  })

  test(
    'is read whatever tags are where',
    fc.array(
      fc.constantFrom(
        '<service>',
        '</service>',
        '<serviceType>',
        '<controlURL>',
        '</controlURL>',
        '/x',
        '<!--',
        '<![CDATA[',
        ']]>',
        '<',
        '>',
        service('WANIPConnection:1', '/c'),
      ),
    ),
    (pieces) => {
      const found = readIgdDescription(pieces.join(''), LOCATION)
      if (found.ok) for (const { controlUrl } of found.value) expect(controlUrl.hostname).toBe(GATEWAY)
    },
  )
})

describe('a SOAP call', () => {
  it('has its values escaped, and its length', () => {
    const { headers, body } = formatSoapRequest('urn:x:WANIPConnection:1', 'AddPortMapping', {
      NewRemoteHost: '',
      NewPortMappingDescription: '<é&>',
    })
    expect(headers['SOAPAction']).toBe('"urn:x:WANIPConnection:1#AddPortMapping"')
    expect(headers['Content-Length']).toBe(`${Buffer.byteLength(body)}`)
    expect(body).toContain(
      '<u:AddPortMapping xmlns:u="urn:x:WANIPConnection:1"><NewRemoteHost></NewRemoteHost><NewPortMappingDescription>&lt;é&amp;&gt;</NewPortMappingDescription></u:AddPortMapping>',
    )
  })

  it('is answered with values', () => {
    const xml = `<s:Envelope><s:Body><u:GetSpecificPortMappingEntryResponse xmlns:u="urn:x">
      <NewInternalPort>1194</NewInternalPort><NewInternalClient>192.168.1.2</NewInternalClient>
      <NewLeaseDuration>593</NewLeaseDuration></u:GetSpecificPortMappingEntryResponse></s:Body></s:Envelope>`
    const answer = readSoapAnswer(xml, 'GetSpecificPortMappingEntry')
    if (!answer.ok || answer.value.kind !== 'values') throw new Error('no values')
    expect(readPortEntry(answer.value.values)).toEqual({
      ok: true,
      value: { internalClient: '192.168.1.2', internalPort: 1194, leaseSeconds: 593 },
    })
    expect(readSoapAnswer(xml, 'AddPortMapping').ok, 'the answer to another call').toBe(false)
    expect(readPortEntry(new Map([['NewInternalPort', 'x']])).ok).toBe(false)
  })

  test(
    'is believed about a mapping only as far as it makes sense',
    fc.dictionary(
      fc.constantFrom('NewInternalClient', 'NewInternalPort', 'NewLeaseDuration', 'NewEnabled'),
      fc.oneof(
        fc.nat(70000).map(String),
        fc.string(),
        fc.constantFrom('', '-1', '1e3', '0x10', '9'.repeat(400)),
      ),
    ),
    (values) => {
      const entry = readPortEntry(new Map(Object.entries(values)))
      if (!entry.ok) {
        expect(entry.reason).not.toBe('')
        return
      }
      expect(entry.value.internalClient).not.toBe('')
      for (const number of [entry.value.internalPort, entry.value.leaseSeconds])
        expect(Number.isSafeInteger(number) && number >= 0, `${number}`).toBe(true)
    },
  )

  const fault = (
    code: string,
    description = '',
  ) => `<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode>
    <detail><UPnPError><errorCode>${code}</errorCode><errorDescription>${description}</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`

  it.each([
    ['718', { kind: 'taken' }],
    ['729', { kind: 'taken' }],
    ['606', { kind: 'refused', reason: 'not authorized, error 606' }],
    ['501', { kind: 'unable', reason: 'error 501 Action ?Failed: it may be behind NAT itself' }],
  ])('is answered with error %s', (code, trouble) => {
    const answer = readSoapAnswer(fault(code, 'Action \u009bFailed'), 'AddPortMapping')
    if (!answer.ok || answer.value.kind !== 'fault') throw new Error('no fault')
    expect(troubleOfFault(answer.value)).toEqual(trouble)
  })

  it('is not answered by an error without a number, or by a page', () => {
    expect(readSoapAnswer(fault('many'), 'AddPortMapping').ok).toBe(false)
    expect(readSoapAnswer('<html><body>Please log in</body></html>', 'AddPortMapping').ok).toBe(false)
  })

  test('is read in whatever form it comes', fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
    expect(readSoapAnswer(text, 'AddPortMapping').ok).toBe(false)
  })
})

describe('XML', () => {
  const PIECE = fc.oneof(
    fc.constantFrom(
      '<',
      '>',
      '</',
      '/>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?',
      '?>',
      '<!',
      '&amp;',
      '&',
      ' ',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  test(
    'is read to its end whatever it is, in no more pieces than it has characters',
    fc.array(PIECE),
    (pieces) => {
      const xml = pieces.join('')
      const tokens = [...xmlTokens(xml)]
      expect(tokens.length).toBeLessThanOrEqual(xml.length)
      for (const token of tokens) if (token.kind !== 'text') expect(token.name).toMatch(/^[^\s/>:]+$/)
    },
  )

  // Were it not linear, the test would not end in time.
  it('is read to its end also when it is the longest that we take', () => {
    for (const piece of ['<', '<a', '<!--', '<![CDATA[', '&', '<a>', '</a>', '<a:', '<?', '<service>']) {
      const xml = piece.repeat(Math.floor(65_536 / piece.length))
      expect([...xmlTokens(xml)].length).toBeLessThanOrEqual(xml.length)
    }
  })

  test('gives back the text that was escaped', fc.string({ maxLength: 50 }), (text) => {
    fc.pre(text.trim() === text && text !== '')
    expect([...xmlTokens(`<a>${escapeXml(text)}</a>`)]).toEqual([
      { kind: 'open', name: 'a' },
      { kind: 'text', text },
      { kind: 'close', name: 'a' },
    ])
  })

  it('passes over what is no element', () => {
    expect([...xmlTokens('<?xml?><!DOCTYPE x><!-- <b> --><n:a x="1"><![CDATA[<c>]]></n:a><d/>')]).toEqual([
      { kind: 'open', name: 'a' },
      { kind: 'text', text: '<c>' },
      { kind: 'close', name: 'a' },
      { kind: 'open', name: 'd' },
      { kind: 'close', name: 'd' },
    ])
  })
})

it.each([
  ['http://192.168.0.1:5000/', '/ctl'],
  ['http://0.0.0.0:5000/', '/ctl'],
  ['http://router.lan:5000/', '&#47;c&#x74;l'],
  ['', '<![CDATA[ /ctl ]]>'],
  ['', '/<!-- here -->ctl'],
])('a description with the URL base %s and the path %s names the connection at the gateway', (base, path) => {
  const xml = `<root><URLBase>${base}</URLBase><device><serviceList><service>
    <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>${path}</controlURL>
  </service></serviceList></device></root>`
  const services = readIgdDescription(xml, LOCATION)
  expect(services.ok && services.value.map(({ controlUrl }) => controlUrl.href)).toEqual([
    'http://192.168.1.1:5000/ctl',
  ])
})
