import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { programOf } from '../lab/programs.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { joinShellWords } from '../src/core/options/shell-words.ts'

const toolsOf = ({ machine }: Re6stNode): string => path.join(machine.directory, 'bin')

/** The command that opens a shell on the machine of a node, as root. */
export const entryOf = (node: Re6stNode): string =>
  `nsenter --net=/run/netns/${node.machine.namespace} env PATH=${toolsOf(node)}:$PATH bash`

/** Puts a `re6st` on the machine of a node that knows where this node has its files: all machines share one disk. */
export function writeTools(node: Re6stNode): void {
  const file = path.join(toolsOf(node), 're6st')
  const [, , ...nodeOptions] = node.commandLine()
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(
    file,
    `#!/bin/sh
command=$1
[ $# -eq 0 ] || shift
case $command in
  '' | -* | join) ;;
  doctor | firewall) set -- ${joinShellWords(nodeOptions)} "$@" ;;
  # All others ask the node that runs.
  *) set -- --run ${joinShellWords([node.runDirectory])} "$@" ;;
esac
exec ${joinShellWords(programOf('re6st'))} $command "$@"
`,
  )
  chmodSync(file, 0o755)
}
