import { connect, createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '../../src/platform/clock.ts'
import type { Processes } from '../../src/platform/processes.ts'

/** Stands between a node and its babeld, and does to their conversation what the test says; babeld itself runs on. */
export class DamagedConversation implements Disposable {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  /** The node's end of the last conversation. */
  #node: Socket | undefined
  #isMute = false
  #count = 0

  /** Has every babeld that is started listen where nobody looks, and listens in its place. */
  between(processes: Processes): Processes {
    return {
      ...processes,
      start: (command, args, options) => {
        const at = args.indexOf('-G') + 1
        const path = args[at]
        if (command !== 'babeld' || at === 0 || path === undefined)
          return processes.start(command, args, options)
        this.#isMute = false
        this.#listen(path, `${path}.real`)
        return processes.start(command, args.with(at, `${path}.real`), options)
      },
    }
  }

  /** How many conversations were begun. */
  get count(): number {
    return this.#count
  }

  /** Hangs up. */
  hangUp(): void {
    this.#node?.destroy()
  }

  /** Says something to the node in babeld's name. */
  say(bytes: string | Uint8Array): void {
    this.#node?.write(bytes)
  }

  /** From now on, nothing of what the current babeld says arrives. */
  mute(): void {
    this.#isMute = true
  }

  #listen(path: string, realPath: string): void {
    const server = createServer((node) => {
      this.#node = node
      this.#count++
      this.#sockets.add(node)
      node.on('error', () => {})
      void this.#join(node, realPath)
    })
    server.listen(path)
    this.#servers.push(server)
  }

  /** Joins the node to its babeld as soon as that listens. */
  async #join(node: Socket, realPath: string): Promise<void> {
    while (!node.destroyed) {
      const babeld = connect(realPath)
      const isJoined = await new Promise<boolean>((resolve) => {
        babeld.once('connect', () => resolve(true))
        babeld.once('error', () => resolve(false))
      })
      if (!isJoined) {
        await systemClock.sleep(10)
        continue
      }
      this.#sockets.add(babeld)
      node.on('close', () => babeld.destroy())
      babeld.on('error', () => {}).on('close', () => node.destroy())
      node.pipe(babeld)
      babeld.on('data', (bytes) => this.#isMute || node.write(bytes))
      return
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
    for (const server of this.#servers) server.close()
  }
}
