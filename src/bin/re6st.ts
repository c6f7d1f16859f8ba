import { readRe6stCommandLine } from '../core/options/re6st-options.ts'
import { main } from '../platform/main.ts'

await main({
  name: 're6st',
  read: readRe6stCommandLine,
  run: async (options) =>
    options.command === 'join'
      ? (await import('../conf/main.ts')).runConf(options.options)
      : (await import('../ctl/main.ts')).runRe6st(options),
})
