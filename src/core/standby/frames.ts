import { ok, type Result, refuse } from '../result.ts'

/**
 * What the two registries of a pair say to each other, cut into frames: the length of what follows (4 octets), what it is
 * (1 octet), and the content: a message in JSON, or a part of a database.
 */
export type Frame =
  | { readonly kind: 'message'; readonly content: Buffer }
  | { readonly kind: 'part'; readonly content: Buffer }

const KINDS = ['message', 'part'] as const
const LENGTH_OCTETS = 4
/** A change that needs more is not told: the standby takes a copy of the whole. */
export const MAX_FRAME_LENGTH = 32 * 1024 * 1024

/** A frame as it is sent. */
export function encodeFrame({ kind, content }: Frame): Buffer {
  const head = Buffer.alloc(LENGTH_OCTETS + 1)
  head.writeUInt32BE(content.length + 1)
  head.writeUInt8(KINDS.indexOf(kind), LENGTH_OCTETS)
  return Buffer.concat([head, content])
}

/** Puts frames together again from whatever parts they arrive in. */
export class FrameReader {
  #parts: Buffer[] = []
  #length = 0

  /** @returns the frames that are complete now; a refusal is the end of the stream: nothing after it makes sense */
  push(part: Buffer): Result<Frame[]> {
    this.#parts.push(part)
    this.#length += part.length
    const frames: Frame[] = []
    for (;;) {
      if (this.#length < LENGTH_OCTETS) return ok(frames)
      const wanted = this.#head(LENGTH_OCTETS).readUInt32BE()
      if (wanted < 1 || wanted > MAX_FRAME_LENGTH) return refuse(`a frame of ${wanted} octets`)
      if (this.#length < LENGTH_OCTETS + wanted) return ok(frames)
      const whole = this.#head(LENGTH_OCTETS + wanted)
      const kind = KINDS[whole.readUInt8(LENGTH_OCTETS)]
      if (kind === undefined) return refuse(`a frame of kind ${whole.readUInt8(LENGTH_OCTETS)}`)
      frames.push({ kind, content: whole.subarray(LENGTH_OCTETS + 1) })
      this.#drop(LENGTH_OCTETS + wanted)
    }
  }

  /** The first octets in one piece. A long frame is put together once, not with each part. */
  #head(length: number): Buffer {
    const [first] = this.#parts
    if (first && first.length >= length) return first.subarray(0, length)
    const all = Buffer.concat(this.#parts)
    this.#parts = [all]
    return all.subarray(0, length)
  }

  #drop(length: number): void {
    const [first] = this.#parts
    this.#length -= length
    if (!first) return
    const rest = first.subarray(length)
    this.#parts = rest.length > 0 ? [rest, ...this.#parts.slice(1)] : this.#parts.slice(1)
  }
}
