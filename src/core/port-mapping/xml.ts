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
  while (at < xml.length) {
    const tag = xml.indexOf('<', at)
    const text = (tag < 0 ? xml.slice(at) : xml.slice(at, tag)).trim()
    if (text !== '') yield { kind: 'text', text: plainText(text) }
    if (tag < 0) return
    const special = SPECIAL.find(({ begin }) => xml.startsWith(begin, tag))
    const end = xml.indexOf(special?.end ?? '>', tag + (special?.begin.length ?? 1))
    if (end < 0) return
    if (special === undefined) yield* tagTokens(xml.slice(tag + 1, end))
    else if (special.isText) yield { kind: 'text', text: xml.slice(tag + special.begin.length, end) }
    at = end + (special?.end.length ?? 1)
  }
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
  text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] ?? '')

/** Text for an element. */
export const escapeXml = (text: string): string =>
  text.replace(/[<>&"']/g, (character) => {
    const [name] = Object.entries(ENTITIES).find(([, plain]) => plain === character) ?? []
    return `&${name};`
  })
