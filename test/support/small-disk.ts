import { readFileSync } from 'node:fs'
import type { Machine } from '../../lab/machine.ts'
import { DEADLINE_MS } from './networks.ts'

/** A disk with little space, of a machine. */
export interface SmallDisk {
  /** What runs under these programs sees it. */
  readonly under: readonly string[]
  /** Takes all space and all inodes that are left. */
  fill(): Promise<void>
  /** Gives them back. */
  clear(): Promise<void>
  /** A file on it. @param file its path for those who see the disk */
  read(file: string): Buffer
}

const SIZE = 'size=2m,nr_inodes=100'

/** Has the directory of a machine, with what is in it, on a small disk. It is gone with the machine. */
export async function smallDisk(machine: Machine): Promise<SmallDisk> {
  const { directory } = machine
  const script = `
    mount -t tmpfs -o ${SIZE} none /mnt
    cp -a ${directory}/. /mnt/
    mount --move /mnt ${directory}
    echo ready
    exec sleep infinity`
  const holder = machine.start(['unshare', '--mount', 'sh', '-euc', script], { name: 'small disk' })
  await holder.line(/^ready$/, DEADLINE_MS)
  const under = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`, '--']
  const full = `${directory}/full`
  const inside = (commands: string) => machine.run(under[0] ?? '', ...under.slice(1), 'sh', '-c', commands)
  return {
    under,
    async fill() {
      await inside(`
        mkdir -p ${full}
        true >>${full}/zeros
        while true >${full}/$$-$count; do count=$((count + 1)); done 2>/dev/null
        cat /dev/zero >>${full}/zeros 2>/dev/null
        # Of a page that a log has already, too.
        for log in ${directory}/log/*; do yes '' >>$log; done 2>/dev/null
        true`)
    },
    async clear() {
      await inside(`rm -r ${full}`)
    },
    read: (file) => readFileSync(`/proc/${holder.pid}/root${file}`),
  }
}
