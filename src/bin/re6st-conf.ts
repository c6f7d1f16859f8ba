import { readCommandLine } from '../core/options/command-line.ts'
import { CONF_COMMAND, confOptions } from '../core/options/conf-options.ts'
import { main } from '../platform/main.ts'

await main({
  name: 're6st-conf',
  read: (args, readFile) => readCommandLine(CONF_COMMAND, confOptions, args, readFile),
  run: async (options) => (await import('../conf/main.ts')).runConf(options),
})
