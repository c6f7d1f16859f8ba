import { readRegistryCommandLine } from '../core/options/registry-commands.ts'
import { main } from '../platform/main.ts'

await main({
  name: 're6st-registry',
  read: readRegistryCommandLine,
  run: async (run) =>
    run.command === 'run'
      ? (await import('../registry/main.ts')).runRegistry(run.options)
      : (await import('../registry/commands/dispatch.ts')).runSubcommand(run),
})
