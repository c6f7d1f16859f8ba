/*
 * HTTP as gateways speak it, which is nearly HTTP: lines that end in LF alone, a status of one digit, a second blank line
 * before the body, a length that is too small, too big, or there twice, NULs behind the end. Browsers bear all of that; a
 * strict reader has no answer at all. What is read is XML, which says itself where it ends.
 */

/** An answer. */
export interface LooseAnswer {
  readonly status: number
  readonly body: Buffer
}

/** The last thing in a device description and in a SOAP answer. */
const XML_END = /<\/(?:[\w-]+:)?(?:root|Envelope)\s*>[\s\0]*$/i

/**
 * Reads what has come so far.
 * @param isEnded whether nothing more comes
 * @returns undefined: more is needed; otherwise an answer, or why there is none
 */
export function readLooseAnswer(
  received: Buffer,
  isEnded: boolean,
  mayBeInterim = true,
): LooseAnswer | 'no HTTP' | 'cut off' | undefined {
  const text = received.toString('latin1')
  const start = /^[\s\0]*/.exec(text)?.[0].length ?? 0
  const head = text.slice(start)
  if (!'HTTP/'.startsWith(head.slice(0, 5).toUpperCase())) return 'no HTTP'
  const blank = /\r?\n[ \t]*\r?\n/.exec(head)
  if (!blank) return isEnded ? 'no HTTP' : undefined
  const [statusLine = '', ...lines] = head.slice(0, blank.index).split(/\r?\n/)
  const status = statusOf(statusLine)
  if (status === undefined) return 'no HTTP'
  const rest = received.subarray(start + blank.index + blank[0].length)
  // An interim answer (RFC 9110, 15.2): the final one follows.
  if (status < 200) return mayBeInterim ? readLooseAnswer(rest, isEnded, false) : 'no HTTP'
  const header = (name: string) =>
    lines
      .map((line) => /^\s*([\w-]+)\s*:\s*(.*?)\s*$/.exec(line))
      .find((found) => found?.[1]?.toLowerCase() === name)?.[2]
  if (/\bchunked\b/i.test(header('transfer-encoding') ?? '')) {
    const body = unchunked(rest)
    return body ? { status, body } : isEnded ? 'cut off' : undefined
  }
  const body = withoutBlankLines(rest)
  if (XML_END.test(body.subarray(-200).toString('latin1'))) return { status, body: withoutNuls(body) }
  const length = Number.parseInt(header('content-length') ?? '', 10)
  if (body.length >= length) return { status, body: body.subarray(0, length) }
  // Without a length, it is whole when the connection ends.
  return !isEnded ? undefined : Number.isNaN(length) ? { status, body: withoutNuls(body) } : 'cut off'
}

/** `HTTP/1.1 200 OK`, or as little of it as there is. */
function statusOf(line: string): number | undefined {
  const [, digits] = /^HTTP\/[\d.]+\s+(\d{1,3})(?!\d)/i.exec(line) ?? []
  return digits === undefined ? undefined : Number(digits.padEnd(3, '0'))
}

function unchunked(rest: Buffer): Buffer | undefined {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const [line, digits] =
      /^\s*([0-9a-f]{1,8})[^\n]*\n/i.exec(rest.subarray(at, at + 100).toString('latin1')) ?? []
    const length = Number.parseInt(digits ?? '', 16)
    if (line === undefined || at + line.length + length > rest.length) return undefined
    if (length === 0) return Buffer.concat(chunks)
    chunks.push(rest.subarray(at + line.length, at + line.length + length))
    at += line.length + length
  }
}

const withoutBlankLines = (body: Buffer): Buffer => {
  const first = body.findIndex((byte) => byte > 0x20)
  return first < 0 ? Buffer.alloc(0) : body.subarray(first)
}

const withoutNuls = (body: Buffer): Buffer => body.subarray(0, body.findLastIndex((byte) => byte !== 0) + 1)
