// Records what babeld and BIRD say to each other, for test/vectors/babel: two routers in network namespaces that this script
// makes, joined by a cable, for each conversation below. Needs root, babeld, bird (package bird2) and tcpdump.
//
//   node scripts/record-babel.mjs
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const DIRECTORY = 'test/vectors/babel'
/** Long enough that each has said everything, some of it twice. */
const TALK_MS = 15_000
/** Long enough for retractions. */
const PARTING_MS = 2_000

const BLAKE2S128 = { algorithm: 'blake2s128', key: '000102030405060708090a0b0c0d0e0f' }
const HMAC_SHA256 = {
  algorithm: 'hmac-sha256',
  key: '101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f',
}

const CONVERSATIONS = [
  { name: 'babeld-bird', routers: ['babeld', 'bird'], keys: [] },
  { name: 'babeld-bird-blake2s128', routers: ['babeld', 'bird'], keys: [BLAKE2S128] },
  { name: 'babeld-bird-hmac-sha256', routers: ['babeld', 'bird'], keys: [HMAC_SHA256] },
  { name: 'bird-bird-two-keys', routers: ['bird', 'bird'], keys: [BLAKE2S128, HMAC_SHA256] },
  { name: 'babeld-babeld-timestamps', routers: ['babeld', 'babeld'], keys: [], ipv4ViaIpv6: true },
  { name: 'babeld-babeld-blake2s128', routers: ['babeld', 'babeld'], keys: [BLAKE2S128] },
]

/** Runs `ip` with words separated by blanks. */
const ip = (words) => execFileSync('ip', words.split(' '))

/** The configuration of babeld as router 1 or 2. */
function babeldConfiguration(number, { keys, ipv4ViaIpv6 }) {
  const [key] = keys
  return [
    'skip-kernel-setup true',
    ...(key ? [`key type ${key.algorithm} id k value ${key.key}`] : []),
    `interface cable type tunnel hello-interval 1 update-interval 4 enable-timestamps true${key ? ' key k' : ''}${ipv4ViaIpv6 ? ' v4-via-v6 true' : ''}`,
    `redistribute ip 2001:db8:42:${number}::/64 eq 64`,
    `redistribute ip 2001:db8:42:${number}::1/128 eq 128`,
    `redistribute ip 10.42.${number}.0/24 eq 24`,
    'redistribute ip ::/0 eq 0 proto 3 src-prefix 2001:db8:42::/48',
    'redistribute local deny',
    'redistribute deny',
    '',
  ].join('\n')
}

/** The same for BIRD. */
function birdConfiguration(number, { keys }) {
  const passwords = keys.map(
    ({ algorithm, key }) =>
      `password ${key} { algorithm ${algorithm === 'blake2s128' ? algorithm : 'hmac sha256'}; };`,
  )
  return `
    router id 192.0.2.${number};
    ipv6 sadr table sadr6;
    protocol device {}
    protocol static {
      ipv6 sadr { table sadr6; };
      route 2001:db8:42:${number}::/64 from ::/0 unreachable;
      route 2001:db8:42:${number}::1/128 from ::/0 unreachable;
      route ::/0 from 2001:db8:42::/48 unreachable;
    }
    protocol static { ipv4; route 10.42.${number}.0/24 unreachable; }
    protocol babel {
      ipv4 { import all; export all; };
      ipv6 sadr { table sadr6; import all; export all; };
      interface "cable" {
        type wired;
        hello interval 1 s;
        update interval 4 s;
        ${keys.length > 0 ? `authentication mac; ${passwords.join(' ')}` : ''}
      };
    }
  `
}

/** Starts a router in its namespace. */
function startRouter(kind, namespace, number, conversation, directory) {
  const file = join(directory, `${number}.conf`)
  writeFileSync(file, (kind === 'bird' ? birdConfiguration : babeldConfiguration)(number, conversation))
  const command =
    kind === 'bird'
      ? ['bird', '-f', '-c', file, '-s', join(directory, `${number}.ctl`)]
      : ['babeld', '-S', join(directory, `${number}.state`), '-I', '', '-c', file]
  return spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'inherit', 'inherit'] })
}

const ended = (child) => child.exitCode ?? new Promise((resolve) => child.once('exit', resolve))

/** UDP payloads, with their addresses, of a capture of an Ethernet. */
function packetsOf(capture) {
  const packets = []
  for (let at = 24; at < capture.length; ) {
    const length = capture.readUInt32LE(at + 8)
    const frame = capture.subarray(at + 16, at + 16 + length)
    at += 16 + length
    const text = (from) => frame.toString('hex', from, from + 16).replace(/(....)(?=.)/g, '$1:')
    packets.push({
      from: canonical(text(14 + 8)),
      to: canonical(text(14 + 24)),
      octets: frame.toString('hex', 14 + 40 + 8, 14 + 40 + frame.readUInt16BE(14 + 44)),
    })
  }
  return packets
}

/** The text of an address as it is usually written. */
const canonical = (address) => new URL(`http://[${address}]/`).hostname.slice(1, -1)

async function record(conversation) {
  const { name, routers, keys } = conversation
  const directory = mkdtempSync(join(tmpdir(), 'record-babel-'))
  const namespaces = [1, 2].map(
    (number) => `babel-${process.pid}-${CONVERSATIONS.indexOf(conversation)}-${number}`,
  )
  for (const namespace of namespaces) {
    ip(`netns add ${namespace}`)
    execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0'])
  }
  ip(`-n ${namespaces[0]} link add cable type veth peer name cable netns ${namespaces[1]}`)
  for (const [index, namespace] of namespaces.entries()) {
    const number = index + 1
    ip(`-n ${namespace} link add stub type veth peer name stub-end`)
    for (const iface of ['lo', 'stub', 'stub-end', 'cable']) ip(`-n ${namespace} link set ${iface} up`)
    ip(`-n ${namespace} addr add 2001:db8:42:${number}::1/128 dev stub`)
    ip(`-n ${namespace} route add 2001:db8:42:${number}::/64 dev stub proto static`)
    ip(`-n ${namespace} -6 route add default dev stub proto 3`)
    ip(`-n ${namespace} addr add 10.42.${number}.1/24 dev stub`)
    // BIRD announces IPv4 only where it has an address to be its next hop.
    if (!conversation.ipv4ViaIpv6) ip(`-n ${namespace} addr add 192.0.2.${number}/24 dev cable`)
  }
  const capture = join(directory, 'capture')
  const tcpdump = spawn(
    'ip',
    [
      'netns',
      'exec',
      namespaces[0],
      'tcpdump',
      '-U',
      '-Z',
      'root',
      '-i',
      'cable',
      '-w',
      capture,
      'udp port 6696',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  await new Promise((resolve) => tcpdump.stderr.once('data', resolve))
  const started = routers.map((kind, index) =>
    startRouter(kind, namespaces[index], index + 1, conversation, directory),
  )
  await sleep(TALK_MS)
  // One after the other: each hears the other's farewell.
  for (const router of started) {
    router.kill('SIGTERM')
    await ended(router)
    await sleep(PARTING_MS)
  }
  tcpdump.kill('SIGINT')
  await ended(tcpdump)
  const packets = packetsOf(readFileSync(capture))
  writeFileSync(
    join(DIRECTORY, `${name}.json`),
    `${JSON.stringify({ routers, keys, packets }, undefined, 1)}\n`,
  )
  console.log(`${name}: ${packets.length} packets`)
  for (const namespace of namespaces) ip(`netns del ${namespace}`)
  rmSync(directory, { recursive: true })
}

mkdirSync(DIRECTORY, { recursive: true })
await Promise.all(CONVERSATIONS.map(record))
