/** One piece of an XML document. Names are without their namespace prefix. */
export type XmlToken =
  | { readonly kind: 'open' | 'close'; readonly name: string }
  | { readonly kind: 'text'; readonly text: string }

const TAG_NAME = /^[^\s/>]+/

/**
 * The elements and texts of what a gateway sends: SOAP answers and device descriptions, which are flat and small.
 * Attributes are passed over; what is not well-formed gives fewer tokens, never an error. Linear in the length.
 */
export function* xmlTokens(xml: string): Generator<XmlToken, void, undefined> {
  let at = 0
  /** Comments and sections may be in the midst of a text. */
  let pieces: string[] = []
  const text = (): XmlToken[] => {
    const whole = pieces.join('').trim()
    pieces = []
    return whole === '' ? [] : [{ kind: 'text', text: whole }]
  }
  while (at < xml.length) {
    const tag = xml.indexOf('<', at)
    pieces.push(plainText(tag < 0 ? xml.slice(at) : xml.slice(at, tag)))
    if (tag < 0) break
    const special = SPECIAL.find(({ begin }) => xml.startsWith(begin, tag))
    const end = xml.indexOf(special?.end ?? '>', tag + (special?.begin.length ?? 1))
    if (end < 0) break
    if (special === undefined) {
      yield* text()
      yield* tagTokens(xml.slice(tag + 1, end))
    } else if (special.isText) pieces.push(xml.slice(tag + special.begin.length, end))
    at = end + (special?.end.length ?? 1)
  }
  yield* text()
}

/** What looks like a tag and is none. */
const SPECIAL: readonly { readonly begin: string; readonly end: string; readonly isText?: true }[] = [
  { begin: '<!--', end: '-->' },
  { begin: '<![CDATA[', end: ']]>', isText: true },
  { begin: '<?', end: '?>' },
  { begin: '<!', end: '>' },
]

function* tagTokens(inside: string): Generator<XmlToken, void, undefined> {
  const isClosing = inside.startsWith('/')
  const [qualified = ''] = TAG_NAME.exec(isClosing ? inside.slice(1) : inside) ?? []
  const name = qualified.slice(qualified.lastIndexOf(':') + 1)
  if (name === '') return
  if (!isClosing) yield { kind: 'open', name }
  if (isClosing || inside.endsWith('/')) yield { kind: 'close', name }
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

const plainText = (text: string): string =>
  text.replace(
    /&(?:(lt|gt|quot|apos|amp)|#(\d{1,7})|#x([0-9a-f]{1,6}));/gi,
    (as, name?: string, decimal?: string, hex?: string) => {
      if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? ''
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : as
    },
  )

/** Text for an element. */
export const escapeXml = (text: string): string =>
  text.replace(/[<>&"']/g, (character) => {
    const [name] = Object.entries(ENTITIES).find(([, plain]) => plain === character) ?? []
    return `&${name};`
  })
