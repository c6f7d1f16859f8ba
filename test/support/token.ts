import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './registry.ts'

const LIBRARY = '/usr/lib/softhsm/libsofthsm2.so'

/** Whether this machine has SoftHSM, a PKCS#11 token in software. */
export const hasSoftHsm = existsSync(LIBRARY)

/** A token of SoftHSM's, in a directory of its own, with a key. */
export class TestToken {
  /** What a process finds it by. */
  readonly environment: Readonly<Record<string, string>>
  readonly label = 're6st CA'
  readonly pin = '123456'
  readonly #directory = temporaryDirectory()

  /** @param keyPem the key, which it has under the label `ca` */
  constructor(keyPem: string) {
    const at = (name: string) => join(this.#directory, name)
    mkdirSync(at('tokens'))
    writeFileSync(at('conf'), `directories.tokendir = ${at('tokens')}\nobjectstore.backend = file\n`)
    writeFileSync(at('key'), createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(at('pin'), `${this.pin}\n`, { mode: 0o600 })
    this.environment = { SOFTHSM2_CONF: at('conf') }
    const pin = ['--pin', this.pin]
    this.#run('--init-token', '--free', '--label', this.label, '--so-pin', '87654321', ...pin)
    this.#run('--import', at('key'), '--token', this.label, '--label', 'ca', '--id', '01', ...pin)
  }

  /** A file with its PIN. */
  get pinFile(): string {
    return join(this.#directory, 'pin')
  }

  /** URI of a key there. @param path attributes */
  uri(path = `token=${encodeURIComponent(this.label)};object=ca`): string {
    return `pkcs11:${path}?module-path=${LIBRARY}`
  }

  /** Takes it out. */
  takeOut(): void {
    renameSync(join(this.#directory, 'tokens'), join(this.#directory, 'taken-out'))
  }

  /** Puts it in again. */
  putIn(): void {
    renameSync(join(this.#directory, 'taken-out'), join(this.#directory, 'tokens'))
  }

  #run(...args: string[]): void {
    execFileSync('softhsm2-util', args, { env: { ...process.env, ...this.environment }, stdio: 'pipe' })
  }
}
