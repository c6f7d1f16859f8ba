import { createServer } from 'node:net'

/** A TCP port of loopback that nobody uses at the moment, for a program that cannot choose one by itself. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
