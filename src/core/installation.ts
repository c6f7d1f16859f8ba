/** What somebody runs, under what it is found by. */
export interface Lines {
  readonly name: string
  readonly lines: readonly string[]
}

/** The program, where what it needs is there: the operator has made the file by `npm pack`. */
const PROGRAM = 'npm install --global ./re6stnet-*.tgz'

/** Where npm has put the program. */
const INSTALLED = '"$(npm root --global)"/re6stnet'

/** What to install, by distribution: Node.js 20.19, OpenVPN 2.6, or newer ones. */
export const INSTALLING: readonly Lines[] = [
  {
    name: 'Debian 13, Ubuntu 25.10 and newer ones, by the package',
    lines: ['apt-get update', 'apt-get install ./re6stnet_*.deb'],
  },
  {
    name: 'Debian 13, Ubuntu 25.10 and newer ones, by npm',
    lines: ['apt-get update', 'apt-get install nodejs npm openvpn iproute2 util-linux', PROGRAM],
  },
  {
    name: 'Fedora',
    lines: ['dnf install nodejs npm openvpn iproute util-linux', PROGRAM],
  },
  {
    name: 'AlmaLinux, Rocky Linux and CentOS Stream 10, with EPEL',
    lines: ['dnf install epel-release', 'dnf install nodejs npm openvpn iproute util-linux', PROGRAM],
  },
  {
    name: 'openSUSE Leap 16 and Tumbleweed',
    lines: ['zypper install nodejs22 npm22 openvpn iproute2 util-linux', PROGRAM],
  },
  {
    name: 'Arch Linux',
    lines: ['pacman -Syu nodejs npm openvpn iproute2 util-linux', PROGRAM],
  },
  {
    name: 'Alpine Linux 3.21 and newer, with its repository community',
    lines: [
      'apk add nodejs npm openvpn iproute2 setpriv g++ make python3',
      PROGRAM,
      'modprobe tun && echo tun >> /etc/modules',
    ],
  },
]

/** What starts the node, now and at each boot; `re6st join` has made its option file. */
export const STARTING: readonly Lines[] = [
  {
    name: 'From the package',
    lines: ['systemctl start re6stnet'],
  },
  {
    name: 'By npm, with systemd (all but Alpine Linux)',
    lines: [
      `cp ${INSTALLED}/dist/service/*.service /etc/systemd/system/`,
      'systemctl daemon-reload',
      'systemctl enable --now re6stnet',
    ],
  },
  {
    name: 'By npm, with OpenRC (Alpine Linux)',
    lines: [
      `cp ${INSTALLED}/dist/service/re6stnet.openrc /etc/init.d/re6stnet`,
      'chmod 755 /etc/init.d/re6stnet',
      'rc-update add re6stnet',
      'rc-service re6stnet start',
    ],
  },
  {
    name: 'By hand, until the machine is off',
    lines: ['cd /etc/re6stnet && re6stnet @re6stnet.conf'],
  },
]
