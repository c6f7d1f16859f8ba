import type { JSX } from 'preact'
import { Copyable } from '../parts/copyable.tsx'

const FROM_SOURCE = ['npm ci && npm run build && npm link'] as const

/** What to install, by distribution. */
const INSTALLING = [
  {
    name: 'Debian and Ubuntu, with the package that the operator of this network gives you',
    what: 'the lines for the package',
    lines: ['apt-get update', 'apt-get install ./re6stnet_*.deb'],
  },
  {
    name: 'Debian 13, Ubuntu 25.10 and newer ones, in a checkout of re6stnet',
    what: 'the lines for Debian and Ubuntu',
    lines: ['apt-get update', 'apt-get install nodejs npm openvpn iproute2 util-linux', ...FROM_SOURCE],
  },
  {
    name: 'Fedora, in a checkout of re6stnet',
    what: 'the lines for Fedora',
    lines: ['dnf install nodejs npm openvpn iproute util-linux', ...FROM_SOURCE],
  },
  {
    name: 'Arch Linux, in a checkout of re6stnet',
    what: 'the lines for Arch Linux',
    lines: ['pacman -S nodejs npm openvpn iproute2 util-linux', ...FROM_SOURCE],
  },
] as const

/** `re6st join` writes the option file of the service. */
const STARTING = [
  {
    name: 'From the package, where systemd starts it at each boot, too',
    what: 'the line for systemd',
    line: 'systemctl start re6stnet',
  },
  {
    name: 'From the package, without systemd',
    what: 'the line for other services',
    line: 'service re6stnet start',
  },
  {
    name: 'From a checkout',
    what: 'the line for a checkout',
    line: 'cd /etc/re6stnet && re6stnet @re6stnet.conf',
  },
] as const

/** What to run first, by distribution. */
export function Installing(): JSX.Element {
  return (
    <>
      <p>
        As root. Node.js has to be 20.19 or newer, which <code>node --version</code> says: where the
        distribution has an older one, as Debian 12 and Ubuntu 24.04, install another first.
      </p>
      {INSTALLING.map(({ name, what, lines }) => (
        <div key={name}>
          <h3>{name}</h3>
          <Copyable text={lines.join('\n')} what={what} />
        </div>
      ))}
      <p class="notice">
        Where npm can fetch no ready-made SQLite, it compiles it: that takes a C++ compiler, make and Python
        3.
      </p>
    </>
  )
}

/** What to run at the end. */
export function Starting(): JSX.Element {
  return (
    <>
      {STARTING.map(({ name, what, line }) => (
        <div key={name}>
          <h3>{name}</h3>
          <Copyable text={line} what={what} />
        </div>
      ))}
      <p>It is connected within seconds; this says so, and with which address:</p>
      <Copyable text="re6st status --wait 60" what="the line that says so" />
      <p class="notice">
        Behind a NAT or a firewall it works, too. It is of more use to others where TCP port 1194 is open to
        it; what does not work, and what to do, <code>re6st doctor</code> says.
      </p>
    </>
  )
}
