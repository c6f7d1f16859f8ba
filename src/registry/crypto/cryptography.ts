import { randomBytes, X509Certificate } from 'node:crypto'
import { publicKeyOf } from '../../core/crypto/public-key.ts'
import { encrypt } from '../../core/crypto/rsa.ts'
import { newSecret } from '../../core/crypto/secret.ts'
import type { CaSigner } from './ca-signer.ts'
import { CertificateMaker, type IssueTask } from './certificate-maker.ts'
import { requestProblem } from './certificate-request.ts'
import { SignatureTurns } from './signature-turns.ts'

/** The CA: its certificate in PEM, and what signs with its key. */
export interface AuthorityKeys {
  readonly caPem: string
  readonly signer: CaSigner
}

/** What the registry needs of cryptography. */
export type Cryptography = Pick<CaCryptography, 'checkRequest' | 'issue' | 'hello' | 'encryptTo' | 'sign'>

/**
 * The registry's cryptography. Signatures are made elsewhere, so that none holds up the event loop; all else costs less
 * than to hand it to a thread.
 */
export class CaCryptography {
  readonly #signer: CaSigner
  readonly #keyBits: number
  readonly #turns: SignatureTurns
  readonly #maker: CertificateMaker

  /** @throws when the certificate is no good */
  constructor({ caPem, signer }: AuthorityKeys) {
    this.#signer = signer
    this.#keyBits = new X509Certificate(caPem).publicKey.asymmetricKeyDetails?.modulusLength ?? 0
    this.#turns = new SignatureTurns(signer.atOnce)
    this.#maker = new CertificateMaker(caPem, (data) => this.#sign('later', data))
  }

  /** Why a certificate request cannot be used; undefined: it can. */
  checkRequest(pem: string): string | undefined {
    return requestProblem(pem, this.#keyBits)
  }

  /** Makes a certificate, in PEM. @throws when nobody could read it */
  issue(task: IssueTask): Promise<string> {
    return this.#maker.issue(task)
  }

  /** A new secret, encrypted to the certificate's key, and the CA's signature over that. */
  async hello(certificatePem: string): Promise<{ secret: Buffer; answer: Buffer }> {
    const random = randomBytes(20)
    const secret = newSecret(random.readBigUInt64BE(12), random)
    const encrypted = encrypt(publicKeyOf(certificatePem), secret)
    const signature = await this.#sign('later', encrypted)
    return { secret, answer: Buffer.concat([encrypted, signature]) }
  }

  /** Encrypts each text to the certificate's key; an empty one stays empty. */
  async encryptTo(certificatePem: string, data: readonly Uint8Array[]): Promise<Buffer[]> {
    const key = publicKeyOf(certificatePem)
    return data.map((one) => (one.length === 0 ? Buffer.alloc(0) : encrypt(key, one)))
  }

  /** Signs with the CA's key what is published: before all that waits. */
  sign(data: Uint8Array): Promise<Buffer> {
    return this.#sign('first', data)
  }

  #sign(urgency: Parameters<SignatureTurns['take']>[0], data: Uint8Array): Promise<Buffer> {
    return this.#turns.take(urgency, () => this.#signer.sign(data))
  }
}
