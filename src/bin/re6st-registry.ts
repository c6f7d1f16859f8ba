import { readCommandLine } from '../core/options/command-line.ts'
import { REGISTRY_COMMAND, registryOptions } from '../core/options/registry-options.ts'
import { main } from '../platform/main.ts'

await main({
  name: 're6st-registry',
  read: (args, readFile) => readCommandLine(REGISTRY_COMMAND, registryOptions, args, readFile),
  run: async (options) => (await import('../registry/main.ts')).runRegistry(options),
})
