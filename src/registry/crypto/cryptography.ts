import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { publicKeyOf } from '../../core/crypto/public-key.ts'
import { encrypt, signInThreadPool } from '../../core/crypto/rsa.ts'
import { newSecret } from '../../core/crypto/secret.ts'
import { CertificateMaker, type IssueTask } from './certificate-maker.ts'
import { requestProblem } from './certificate-request.ts'
import { SignatureTurns } from './signature-turns.ts'

/** The CA: its certificate and its private key, in PEM. */
export interface AuthorityKeys {
  readonly caPem: string
  readonly caKeyPem: string
}

/** What the registry needs of cryptography. */
export type Cryptography = Pick<CaCryptography, 'checkRequest' | 'issue' | 'hello' | 'encryptTo' | 'sign'>

/**
 * The registry's cryptography. Signatures are made by Node's own threads, so that none holds up the event loop; all
 * else costs less than to hand it to a thread.
 */
export class CaCryptography {
  readonly #caKey: KeyObject
  readonly #turns = new SignatureTurns(availableParallelism())
  readonly #maker: CertificateMaker

  /** @throws when one of them is no good */
  constructor({ caPem, caKeyPem }: AuthorityKeys) {
    this.#caKey = createPrivateKey(caKeyPem)
    this.#maker = new CertificateMaker(caPem, (data) => this.#sign('later', data))
  }

  /** Why a certificate request cannot be used; undefined: it can. */
  checkRequest(pem: string): string | undefined {
    return requestProblem(pem, this.#caKey.asymmetricKeyDetails?.modulusLength ?? 0)
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
    return this.#turns.take(urgency, () => signInThreadPool(this.#caKey, data))
  }
}
