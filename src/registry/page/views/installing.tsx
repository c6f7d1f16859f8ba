import type { JSX } from 'preact'
import { INSTALLING, type Lines, STARTING } from '../../../core/installation.ts'
import { Copyable } from '../parts/copyable.tsx'

/** What to run first, by distribution. */
export function Installing(): JSX.Element {
  return (
    <>
      <p>
        The operator of this network gives you a file, <code>re6stnet_….deb</code> or{' '}
        <code>re6stnet-….tgz</code>. In the directory where it is, as root, what is for your distribution:
      </p>
      <Choices of={INSTALLING} />
      <p class="notice">
        Node.js has to be 20.19 or newer (<code>node --version</code>), and OpenVPN 2.6 or newer. Debian 12,
        Ubuntu 24.04 and RHEL 9 have older ones: install others first. Where npm can fetch no ready-made
        SQLite, it compiles it: that takes a C++ compiler, make and Python 3. There are no lines for OpenWrt
        and NixOS: let another machine on that network join.
      </p>
    </>
  )
}

/** What to run at the end. */
export function Starting(): JSX.Element {
  return (
    <>
      <Choices of={STARTING} />
      <p>It is connected within seconds; this says so, and with which address:</p>
      <Copyable text="re6st status --wait 60" what="the line that says so" />
      <p class="notice">
        Behind a NAT or a firewall it works, too. It is of more use to others where TCP port 1194 is open to
        it; what does not work, and what to do, <code>re6st doctor</code> says.
      </p>
    </>
  )
}

function Choices({ of: choices }: { readonly of: readonly Lines[] }): JSX.Element {
  return (
    <>
      {choices.map(({ name, lines }) => (
        <div key={name}>
          <h3>{name}</h3>
          <Copyable text={lines.join('\n')} what={`the lines: ${name}`} />
        </div>
      ))}
    </>
  )
}
