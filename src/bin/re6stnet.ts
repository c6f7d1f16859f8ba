import { readCommandLine } from '../core/options/command-line.ts'
import { NODE_COMMAND, nodeOptions } from '../core/options/node-options.ts'
import { main } from '../platform/main.ts'

await main({
  name: 're6stnet',
  optionFileFrom: 're6st join enrols this machine and makes one',
  read: (args, readFile) => readCommandLine(NODE_COMMAND, nodeOptions, args, readFile),
  run: async (options) => (await import('../node/main.ts')).runNode(options),
})
