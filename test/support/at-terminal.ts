import { execa } from 'execa'

/** Runs a command at a terminal of its own, where what it asks for is answered. */
export async function atTerminal(
  command: readonly string[],
  {
    question,
    typed,
    env = {},
  }: {
    readonly question: string
    readonly typed: string
    readonly env?: Readonly<Record<string, string>>
  },
): Promise<{ readonly exitCode: number | undefined; readonly stdout: string }> {
  const quoted = command.map((word) => `'${word}'`).join(' ')
  const terminal = execa('script', ['-qefc', quoted, '/dev/null'], { env, reject: false, timeout: 60_000 })
  terminal.stdout.on('data', (part: Buffer) => {
    if (String(part).includes(question)) terminal.stdin.write(typed)
  })
  const { exitCode, stdout } = await terminal
  return { exitCode, stdout }
}
