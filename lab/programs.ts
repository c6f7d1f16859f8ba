import { fileURLToPath } from 'node:url'

/**
 * The command line of one of our programs, as `npm run build` makes it; with the same options of Node.js as an
 * installed one: with `--enable-source-maps`, a node would take 15 to 40 MB more.
 */
export const programOf = (
  command: 're6stnet' | 're6st-registry' | 're6st-conf' | 're6st',
): [string, ...string[]] => [
  process.execPath,
  fileURLToPath(new URL(`../dist/${command}.js`, import.meta.url)),
]
