import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { publicKeyOf } from '../../core/crypto/public-key.ts'
import { encrypt, signInThreadPool } from '../../core/crypto/rsa.ts'
import { newSecret } from '../../core/crypto/secret.ts'
import { SignatureTurns } from './signature-turns.ts'
import type * as worker from './worker.ts'
import type { IssueTask, WorkerKeys } from './worker.ts'

/** What the registry needs of cryptography. */
export type Cryptography = Pick<CryptoPool, 'checkRequest' | 'issue' | 'hello' | 'encryptTo' | 'sign'> &
  AsyncDisposable

/** Heap of a thread: it holds nothing between two certificates. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }
/** Threads that nobody needs for so long end: most registries make certificates once in a while. */
const IDLE_MS = 10_000

/**
 * The registry's cryptography. Signatures are made by Node's own threads, certificates by threads of ours, which have the
 * libraries for that and are there only while they are needed: no signature ever holds up the event loop.
 */
export class CryptoPool implements AsyncDisposable {
  readonly #keys: WorkerKeys
  readonly #caKey: KeyObject
  readonly #turns = new SignatureTurns(availableParallelism())
  #threads: Promise<Piscina> | undefined

  constructor(keys: WorkerKeys) {
    this.#keys = keys
    this.#caKey = createPrivateKey(keys.caKeyPem)
  }

  checkRequest(pem: string): Promise<string | undefined> {
    return this.#run('checkRequest', { pem })
  }

  issue(task: IssueTask): Promise<string> {
    return this.#run('issue', task)
  }

  /** A new secret, encrypted to the certificate's key, and the CA's signature over that. */
  async hello(certificatePem: string): Promise<{ secret: Buffer; answer: Buffer }> {
    const random = randomBytes(20)
    const secret = newSecret(random.readBigUInt64BE(12), random)
    const encrypted = encrypt(publicKeyOf(certificatePem), secret)
    const signature = await this.#turns.take('later', () => signInThreadPool(this.#caKey, encrypted))
    return { secret, answer: Buffer.concat([encrypted, signature]) }
  }

  /** Encrypts each text to the certificate's key; an empty one stays empty. */
  async encryptTo(certificatePem: string, data: readonly Uint8Array[]): Promise<Buffer[]> {
    const key = publicKeyOf(certificatePem)
    return data.map((one) => (one.length === 0 ? Buffer.alloc(0) : encrypt(key, one)))
  }

  /** Signs with the CA's key what is published: before all hellos that wait. */
  sign(data: Uint8Array): Promise<Buffer> {
    return this.#turns.take('first', () => signInThreadPool(this.#caKey, data))
  }

  async #run<Name extends keyof typeof worker>(
    name: Name,
    task: Parameters<(typeof worker)[Name]>[0],
  ): Promise<Awaited<ReturnType<(typeof worker)[Name]>>> {
    this.#threads ??= this.#start()
    return await (await this.#threads).run(task, { name })
  }

  async #start(): Promise<Piscina> {
    const { Piscina } = await import('piscina')
    // Node cannot run a thread from TypeScript: from the sources, too, the built worker is used.
    const worker = import.meta.url.endsWith('.ts') ? '../../../dist/crypto-worker.js' : './crypto-worker.js'
    return new Piscina({
      filename: fileURLToPath(new URL(worker, import.meta.url)),
      workerData: this.#keys,
      minThreads: 0,
      // More would only take turns: they never wait for anything.
      maxThreads: availableParallelism(),
      idleTimeout: IDLE_MS,
      resourceLimits: THREAD_LIMITS,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#threads)?.destroy()
  }
}
