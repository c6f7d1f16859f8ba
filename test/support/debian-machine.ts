import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { waitFor } from '../../lab/wait-for.ts'
import type { Namespace } from './namespace.ts'

const BOOT = fileURLToPath(new URL('../long/boot.sh', import.meta.url))
/** Kept between runs: making it takes longer than everything else. */
const cacheOf = (suite: Suite): string => join(tmpdir(), `re6st-debian-${suite}`)
const CACHE_AGE_MS = 7 * 24 * 3600 * 1000
const BOOT_DEADLINE_MS = 120_000
/** Only what was started here is of interest; the scripts for a real machine's boot and end set its clock and disks. */
const INITTAB = 'id:2:initdefault:\nl2:2:wait:/etc/init.d/rc 2\n'

/** What every machine has besides, because it is only recommended, or for the tests. */
const COMMON_PACKAGES = ['logrotate']

/** The service managers of Debian: what is installed beside its smallest set, and how the machine is started. */
const INITS = {
  systemd: {
    packages: ['systemd', 'systemd-sysv'],
    command: '/usr/lib/systemd/systemd --log-target=journal',
    name: 'systemd',
    // `degraded`: something that a container cannot have has failed.
    isUp: 'systemctl is-system-running | grep -E "running|degraded"',
  },
  sysvinit: {
    packages: ['sysvinit-core'],
    command: '/usr/sbin/init',
    name: 'init',
    isUp: 'runlevel | grep " 2$" && ! cat /proc/[0-9]*/comm | grep -x rc',
  },
} as const

/** What process 1 of a machine is. */
export type Init = keyof typeof INITS
/** Debian 12, Debian 13. */
export type Suite = 'bookworm' | 'trixie'

/** What a command did. */
export interface Outcome {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

type Boot = ReturnType<typeof startBoot>

/** A Debian of its own: files, processes, network. It has no way to the Internet once it runs. */
export class DebianMachine implements AsyncDisposable {
  /** Its file system, as seen from outside. */
  readonly root: string
  readonly #init: Init
  readonly #suite: Suite
  #boot: Boot | undefined
  #firstProcess = 0

  private constructor(root: string, init: Init, suite: Suite) {
    this.root = root
    this.#init = init
    this.#suite = suite
  }

  /** Makes one. It does not run yet. */
  static async make(init: Init, suite: Suite = 'trixie'): Promise<DebianMachine> {
    const root = mkdtempSync(join(tmpdir(), 're6st-machine-'))
    await execa('tar', ['-C', root, '-xf', await tarballOf(init, suite)])
    return new DebianMachine(root, init, suite)
  }

  /** Where a file of it is, as seen from outside. */
  file(path: string): string {
    return join(this.root, path)
  }

  /**
   * Puts a package where apt finds it, others of Debian, and all that they depend on: then nothing has to be downloaded
   * any more.
   */
  async fetch(deb: string, ...others: readonly string[]): Promise<void> {
    copyFileSync(deb, this.file('var/tmp/package.deb'))
    await download(this.root, this.#suite, '/var/tmp/package.deb', ...others)
  }

  /** Starts it. */
  async boot(): Promise<void> {
    const { command, name, isUp } = INITS[this.#init]
    const boot = startBoot(this.root, command)
    this.#boot = boot
    await waitFor(
      () => {
        const child = readFileSync(`/proc/${boot.pid}/task/${boot.pid}/children`, 'utf8').trim()
        this.#firstProcess = Number(child)
        return child !== '' && readFileSync(`/proc/${child}/comm`, 'utf8').trim() === name
      },
      { what: `${name} as process 1`, deadlineMs: BOOT_DEADLINE_MS },
    )
    await waitFor(async () => (await this.try(isUp)).exitCode === 0, {
      what: 'the machine to boot',
      deadlineMs: BOOT_DEADLINE_MS,
    })
  }

  /** Cuts its power: all processes are gone, its files stay. It can be booted again. */
  async powerOff(): Promise<void> {
    // The kernel ends everything else inside with process 1.
    if (this.#firstProcess > 0) process.kill(this.#firstProcess, 'SIGKILL')
    this.#firstProcess = 0
    await this.#boot
  }

  /** Joins it to a namespace by a cable: an interface `eth0` with an address in each. */
  async join(neighbour: Namespace, ownAddress: string, neighbourAddress: string): Promise<void> {
    // The cable of a machine whose power was cut is gone with its network, a moment later.
    await waitFor(() => !neighbour.ip('-o link').includes(' eth0@'), {
      what: 'the old cable to be gone',
      deadlineMs: BOOT_DEADLINE_MS,
    })
    await execa('ip', [
      ...['link', 'add', 'eth0', 'netns', String(this.#firstProcess), 'type', 'veth'],
      ...['peer', 'name', 'eth0', 'netns', neighbour.name],
    ])
    neighbour.ip(`addr add ${neighbourAddress} dev eth0`)
    neighbour.ip('link set eth0 up')
    // Its own `ip` comes with our package.
    const inside = ['--net', '--target', String(this.#firstProcess), 'ip']
    await execa('nsenter', [...inside, 'addr', 'add', ownAddress, 'dev', 'eth0'])
    await execa('nsenter', [...inside, 'link', 'set', 'eth0', 'up'])
  }

  /** Runs a shell command inside and returns what it prints. @throws ExecaError when it fails */
  async run(command: string): Promise<string> {
    return (await execa('nsenter', this.#inside(command))).stdout
  }

  /** Runs a shell command inside that may fail. */
  async try(command: string): Promise<Outcome> {
    const { exitCode, stdout, stderr } = await execa('nsenter', this.#inside(command), { reject: false })
    return { exitCode, stdout, stderr }
  }

  /** What its systemd says of a unit: the value of one property. */
  show(unit: string, property: string): Promise<string> {
    return this.run(`systemctl show --value --property=${property} ${unit}`)
  }

  async isActive(unit: string): Promise<boolean> {
    return (await this.try(`systemctl is-active ${unit}`)).stdout === 'active'
  }

  /** The command lines of the programs that run in it. */
  async programs(): Promise<readonly string[]> {
    const text = await this.run(
      "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$file; echo; done 2>/dev/null; true",
    )
    return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('sh -c for file'))
  }

  /** Installs a package of which {@link fetch} has brought the dependencies: there is no network to download from. */
  async install(deb: string, ...options: readonly string[]): Promise<string> {
    copyFileSync(deb, this.file('var/tmp/package.deb'))
    const words = ['-y', '--no-install-recommends', ...options, '/var/tmp/package.deb']
    return await this.run(`apt-get install ${words.join(' ')}`)
  }

  #inside(command: string): string[] {
    return [
      ...['--target', String(this.#firstProcess), '--mount', '--pid', '--uts', '--ipc', '--net', '--cgroup'],
      ...['--root', '--wd', 'env', '-i', 'PATH=/usr/sbin:/usr/bin', 'HOME=/root', 'LC_ALL=C.UTF-8'],
      ...['DEBIAN_FRONTEND=noninteractive', 'sh', '-c', command],
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.powerOff()
    rmSync(this.root, { recursive: true, force: true })
  }
}

const startBoot = (root: string, command: string) =>
  execa(
    'unshare',
    [
      ...['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'],
      ...['--cgroup', '--uts', '--ipc', '--net', 'sh', BOOT, root, command],
    ],
    { reject: false },
  )

async function tarballOf(init: Init, suite: Suite): Promise<string> {
  return await cached(suite, init, async (root) => {
    const packages = [...INITS[init].packages, ...COMMON_PACKAGES]
    await execa('tar', ['-C', root, '-xf', await smallestTarball(suite)])
    await download(root, suite, ...packages)
    await execa('chroot', [root, 'apt-get', '-y', '--no-install-recommends', 'install', ...packages], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
    for (const path of ['var/lib/apt/lists', 'var/cache/apt']) rmSync(join(root, path), { recursive: true })
    if (init === 'sysvinit') writeFileSync(join(root, 'etc/inittab'), INITTAB)
  })
}

const smallestTarball = (suite: Suite) =>
  cached(suite, 'smallest', async (root) => {
    await execa('debootstrap', ['--variant=minbase', suite, root, await mirror()])
    // Its files are thrown away soon: they need not reach the disk.
    writeFileSync(join(root, 'etc/dpkg/dpkg.cfg.d/unsafe-io'), 'force-unsafe-io\n')
  })

async function cached(suite: Suite, name: string, fill: (root: string) => Promise<void>): Promise<string> {
  const cache = cacheOf(suite)
  const tarball = join(cache, `${name}.tar`)
  if (existsSync(tarball) && Date.now() - statSync(tarball).mtimeMs < CACHE_AGE_MS) return tarball
  mkdirSync(cache, { recursive: true })
  const root = mkdtempSync(join(cache, `${name}-`))
  try {
    await fill(root)
    await execa('tar', ['-C', root, '-cf', `${root}.tar`, '.'])
    renameSync(`${root}.tar`, tarball)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
  return tarball
}

/** Downloads packages, and what they depend on, into a machine that does not run. */
async function download(root: string, suite: Suite, ...packages: readonly string[]): Promise<void> {
  const archives = join(cacheOf(suite), 'archives')
  const own = join(root, 'var/cache/apt/archives')
  const isPackage = (file: string) => !/\/(lock|partial)$/.test(file)
  mkdirSync(archives, { recursive: true })
  cpSync(archives, own, { recursive: true })
  copyFileSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'))
  const aptGet = (...args: readonly string[]) => execa('chroot', [root, 'apt-get', '-y', ...args])
  await aptGet('update')
  await aptGet('install', '--no-install-recommends', '--download-only', ...packages)
  cpSync(own, archives, { recursive: true, filter: isPackage })
}

/** Where this machine itself gets Debian from. */
async function mirror(): Promise<string> {
  const { stdout } = await execa('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Label: Debian'])
  const first = stdout.split('\n')[0]
  if (!first) throw new Error('apt knows no mirror of Debian (apt-get update?)')
  return first
}
