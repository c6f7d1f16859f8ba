import type { NodeOptions } from '../options/node-options.ts'
import { joinShellWords } from '../options/shell-words.ts'

/** Options of OpenVPN with which it uses other ports, protocols, addresses or interfaces than ours say. */
const OPENVPN_OPTIONS: ReadonlySet<string> = new Set([
  ...['port', 'lport', 'rport', 'proto', 'proto-force', 'local', 'remote', 'bind-dev', 'dev', 'management'],
  ...['http-proxy', 'socks-proxy'],
  // What is in that file, is not looked at.
  'config',
])

/** Flags of babeld that stand without a value. */
const BABELD_SWITCHES = 'VslwruD'
/** Its port, its multicast address, and a configuration that is not looked at. */
const BABELD_FLAGS = 'pmc'
/** Words that begin statements (`-C`) which do the same, or use one more interface. */
const BABELD_STATEMENTS = /^\s*(?:interface|protocol-port|protocol-group)\b/

/**
 * Extra arguments (`-O`, `-B`, and what follows `--`) that may change what a firewall must let through, which the rules
 * do not follow: as one would write them, e.g. `-O--port -O443`.
 */
export const unfollowedArguments = ({
  openvpnArguments,
  babelArguments,
}: Pick<NodeOptions, 'openvpnArguments' | 'babelArguments'>): readonly string[] => [
  ...openvpnOnes(openvpnArguments).map((words) => written('-O', words)),
  ...babeldOnes(babelArguments).map((words) => written('-B', words)),
]

/** An option with its values: OpenVPN's all begin with two dashes. */
function openvpnOnes(words: readonly string[]): readonly (readonly string[])[] {
  const options: string[][] = []
  for (const word of words)
    if (word.startsWith('--')) options.push([word])
    else options.at(-1)?.push(word)
  return options.filter(([option = '']) => OPENVPN_OPTIONS.has(option.slice(2)))
}

/** As getopt(3) reads them; whatever is left over is an interface. */
function babeldOnes(words: readonly string[]): readonly (readonly string[])[] {
  const found: string[][] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const flag = new RegExp(`^-[${BABELD_SWITCHES}]*([^${BABELD_SWITCHES}])`).exec(word)
    if (!word.startsWith('-')) found.push([word])
    if (flag === null) continue
    const attached = word.slice(flag[0].length)
    const value = attached === '' ? (words[++at] ?? '') : attached
    const isConcerned = flag[1] === 'C' ? BABELD_STATEMENTS.test(value) : BABELD_FLAGS.includes(flag[1] ?? '')
    if (isConcerned) found.push(attached === '' ? [word, value] : [word])
  }
  return found
}

const written = (option: string, words: readonly string[]): string =>
  joinShellWords(words.map((word) => `${option}${word}`)).replace(/\s+/g, ' ')
