import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'

/** A message that no server has taken yet. */
export interface WaitingMessage {
  readonly number: number
  readonly id: string
  readonly body: string
  /** How often it was tried. */
  readonly attempts: number
  /** When the next attempt may begin, by the time that all processes have in common: not while another process makes one. */
  readonly dueMs: number
}

/** More wait only when nobody has answered for long: the oldest make room. */
const MAX_WAITING = 100
/** What nobody takes for so long is news no more; so is what waits for a URL that is not given any more. */
const FORGOTTEN_MS = 30 * 24 * 3600 * 1000

/** Messages that wait, in the database: they outlive the process, and each is sent by one of several at a time. */
export class WebhookMessages {
  readonly #store: Pick<Store, 'write' | 'all'>

  constructor(store: Pick<Store, 'write' | 'all'>) {
    this.#store = store
  }

  /** Adds one in a transaction. @returns how many were dropped to make room */
  async add(
    writable: Queries,
    target: string,
    { id, body, nowMs }: { readonly id: string; readonly body: string; readonly nowMs: number },
  ): Promise<number> {
    await writable.run('DELETE FROM webhook_message WHERE made < ?', nowMs - FORGOTTEN_MS)
    // Changes are made one after another, also by several processes.
    await writable.run(
      'INSERT INTO webhook_message VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM webhook_message), ?, ?, ?, ?, 0, 0)',
      ...[id, target, body, nowMs],
    )
    return writable.run(
      'DELETE FROM webhook_message WHERE target = ? AND number NOT IN (SELECT number FROM webhook_message WHERE target = ? ORDER BY number DESC LIMIT ?)',
      ...[target, target, MAX_WAITING],
    )
  }

  /** The oldest that waits; those after it are not sent before. */
  async first(target: string): Promise<WaitingMessage | undefined> {
    const [row] = await this.#store.all<
      Record<'number' | 'attempts' | 'due', number> & Record<'id' | 'body', string>
    >(
      'SELECT number, id, body, attempts, due FROM webhook_message WHERE target = ? ORDER BY number LIMIT 1',
      target,
    )
    if (!row) return undefined
    const { number, id, body, attempts, due } = row
    return { number: Number(number), id, body, attempts: Number(attempts), dueMs: Number(due) }
  }

  /**
   * Whether it is up to us to try it, until then: nobody else does. Who began to and has not ended by then is dead.
   */
  async claim({ number, id, dueMs }: WaitingMessage, untilMs: number): Promise<boolean> {
    const changes = await this.#store.write(
      (writable) =>
        writable.run(
          'UPDATE webhook_message SET due = ? WHERE number = ? AND id = ? AND due = ?',
          ...[untilMs, number, id, dueMs],
        ),
      { isExpendable: true },
    )
    return changes === 1
  }

  /** It is tried again then. */
  async putOff({ number, id }: WaitingMessage, attempts: number, dueMs: number): Promise<void> {
    await this.#store.write(
      (writable) =>
        writable.run(
          'UPDATE webhook_message SET attempts = ?, due = ? WHERE number = ? AND id = ?',
          ...[attempts, dueMs, number, id],
        ),
      { isExpendable: true },
    )
  }

  /** A server took it. The number alone may be that of a newer one by now. */
  async taken({ number, id }: WaitingMessage): Promise<void> {
    await this.#store.write(
      (writable) => writable.run('DELETE FROM webhook_message WHERE number = ? AND id = ?', number, id),
      { isExpendable: true },
    )
  }
}
