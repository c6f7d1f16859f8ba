import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { waitFor } from '../../lab/wait-for.ts'

const DEADLINE_MS = 60_000

/**
 * Starts a web server that stays in the foreground, and waits until it listens.
 * @param ports of loopback, on which it will
 */
export async function startProxy(
  command: string,
  args: readonly string[],
  ports: readonly number[],
  env: Readonly<Record<string, string>> = {},
): Promise<AsyncDisposable> {
  const server = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  })
  let said = ''
  server.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const stop = async () => {
    if (server.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit')
  }
  try {
    await waitFor(
      async () => {
        if (server.exitCode !== null) throw new Error(`${command} has ended: ${said}`)
        return (await Promise.all(ports.map(isListening))).every(Boolean)
      },
      { what: command, deadlineMs: DEADLINE_MS, intervalMs: 50 },
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { [Symbol.asyncDispose]: stop }
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
