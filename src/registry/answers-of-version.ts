import { remember } from '../core/remember.ts'
import { NO_VERSION } from '../core/values/network-version.ts'

/** Answers that are kept: some kilobytes each. */
const MAX_ANSWERS = 500

/** Answers with the network's configuration, by the certificate that each is for: the same until there is another version. */
export class AnswersOfVersion {
  readonly #answers = new Map<string, Promise<Buffer>>()
  #version: Buffer = NO_VERSION

  /** The answer that is there, or the one that is made now. One that fails is made anew the next time. */
  get(version: Buffer, certificatePem: string, make: () => Promise<Buffer>): Promise<Buffer> {
    if (!this.#version.equals(version)) {
      this.#answers.clear()
      this.#version = version
    }
    const known = this.#answers.get(certificatePem)
    if (known) return known
    const answer = make()
    remember(this.#answers, certificatePem, answer, MAX_ANSWERS)
    answer.catch(() => this.#answers.delete(certificatePem))
    return answer
  }
}
