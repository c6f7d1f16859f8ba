import { vi } from 'vitest'
import { readRegistryCommandLine } from '../../src/core/options/registry-commands.ts'
import { runSubcommand } from '../../src/registry/commands/dispatch.ts'

const noFile = () => ({ ok: false, reason: 'no such file' }) as const

/** The options of a subcommand of `re6st-registry`. */
export function registryCommandOptions(...args: string[]) {
  const request = readRegistryCommandLine(args, noFile)
  if (!request.ok || request.value.kind !== 'run' || request.value.options.command === 'run')
    throw new Error(request.ok ? 'no command' : request.reason)
  return request.value.options
}

/** Runs a subcommand of `re6st-registry` in this process, and says what it has printed. */
export async function runRegistryCommand(
  ...args: string[]
): Promise<{ readonly status: number; readonly text: string }> {
  const options = registryCommandOptions(...args)
  let text = ''
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
    text += String(part)
    return true
  })
  try {
    return { status: await runSubcommand(options), text }
  } finally {
    spy.mockRestore()
  }
}

/** Why a command line is refused; empty: it is not. */
export function whyRefused(...args: string[]): string {
  const request = readRegistryCommandLine(args, noFile)
  return request.ok ? '' : request.reason
}
