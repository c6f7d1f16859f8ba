import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import type * as worker from './worker.ts'
import type { IssueTask, WorkerKeys } from './worker.ts'

/** What the registry needs of cryptography. */
export type Cryptography = Pick<CryptoPool, 'checkRequest' | 'issue' | 'hello' | 'encryptTo' | 'sign'> &
  AsyncDisposable

/** The registry's cryptography: in a thread pool, so that no signature ever holds up the event loop. */
export class CryptoPool implements AsyncDisposable {
  readonly #pool: Piscina

  constructor(keys: WorkerKeys) {
    // Node cannot run a thread from TypeScript: from the sources, too, the built worker is used.
    const worker = import.meta.url.endsWith('.ts') ? '../../../dist/crypto-worker.js' : './crypto-worker.js'
    this.#pool = new Piscina({
      filename: fileURLToPath(new URL(worker, import.meta.url)),
      workerData: keys,
      minThreads: 1,
      // More would only take turns: they never wait for anything.
      maxThreads: availableParallelism(),
      // Threads that nobody needs for a minute end.
      idleTimeout: 60_000,
    })
  }

  checkRequest(pem: string): Promise<string | undefined> {
    return this.#run('checkRequest', { pem })
  }

  issue(task: IssueTask): Promise<string> {
    return this.#run('issue', task)
  }

  async hello(certificatePem: string): Promise<{ secret: Buffer; answer: Buffer }> {
    const { secret, answer } = await this.#run('hello', { certificatePem })
    return { secret: Buffer.from(secret), answer: Buffer.from(answer) }
  }

  async encryptTo(certificatePem: string, data: readonly Uint8Array[]): Promise<Buffer[]> {
    return (await this.#run('encryptTo', { certificatePem, data })).map((one) => Buffer.from(one))
  }

  async sign(data: Uint8Array): Promise<Buffer> {
    return Buffer.from(await this.#run('signData', { data }))
  }

  async #run<Name extends keyof typeof worker>(
    name: Name,
    task: Parameters<(typeof worker)[Name]>[0],
  ): Promise<Awaited<ReturnType<(typeof worker)[Name]>>> {
    return await this.#pool.run(task, { name })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
  }
}
