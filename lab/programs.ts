import { fileURLToPath } from 'node:url'

/** The command line of one of our programs, as `npm run build` makes it. */
export const programOf = (
  command: 're6stnet' | 're6st-registry' | 're6st-conf' | 're6st',
): [string, ...string[]] => [
  process.execPath,
  '--enable-source-maps',
  fileURLToPath(new URL(`../dist/${command}.js`, import.meta.url)),
]
