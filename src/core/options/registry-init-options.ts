import { ok, type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional, withDefault } from './option-table.ts'
import { directoryPath, emailAddress, integer, newNetwork, nonEmpty, oneOf } from './value-types.ts'

const NETWORK = 'Network'
const AUTHORITY = 'Authority'
const REGISTRY = 'Registry'

/** RFC 5280, appendix A.1: ub-common-name. */
const LONGEST_NAME = 64
/** A hundred years: more is a mistake. */
const MAX_DAYS = 36_500

const OPTIONS = {
  directory: withDefault(directoryPath('DIR'), '.', {
    names: ['-d', '--dir'],
    group: REGISTRY,
    help: 'directory for ca.crt, ca.key and re6st-registry.conf, made if it is missing',
  }),
  port: withDefault(integer('N', 1, 0xffff), 80, {
    names: ['--port'],
    group: REGISTRY,
    help: 'TCP port on which the registry will listen',
  }),
  mailHost: optional(nonEmpty('HOST'), {
    names: ['--mailhost'],
    group: REGISTRY,
    help: 'SMTP server, or path of an mbox file: machines can then register by mail',
    otherwise: 'default: no registration by mail',
  }),
  prefix: optional(newNetwork, {
    names: ['--prefix'],
    group: NETWORK,
    help: 'prefix of the network',
    otherwise: 'default: fd and 40 random bits, as RFC 4193 says',
  }),
  noEncryption: flag({
    names: ['--no-encrypt'],
    group: NETWORK,
    help: 'tunnels are only authenticated: everybody on the way of a packet can read it',
  }),
  name: withDefault(nonEmpty('NAME'), 're6st network', {
    names: ['--name'],
    group: AUTHORITY,
    help: 'name of the network, as its certificates say it',
  }),
  email: optional(emailAddress, {
    names: ['--email'],
    group: AUTHORITY,
    help: 'e-mail address of the network: the sender of its mails',
    otherwise: 'default: none; mails come from re6st@localhost',
  }),
  days: withDefault(integer('N', 1, MAX_DAYS), 3650, {
    names: ['--days'],
    group: AUTHORITY,
    help: 'days during which the certificate of the authority is valid',
  }),
  keyBits: withDefault(oneOf('N', ['2048', '3072', '4096']), '2048', {
    names: ['--bits'],
    group: AUTHORITY,
    help: 'bits of the key of the authority, and of the keys of all machines',
  }),
  json: flag({ names: ['--json'], group: 'Output', help: 'print JSON' }),
} as const

/** The command `re6st-registry init`. */
export const INIT_COMMAND: Command<typeof OPTIONS> = {
  name: 're6st-registry init',
  description:
    'Makes a new network: the key and the certificate of its authority, and the option file of its registry. Overwrites nothing. Says what to run next.',
  options: OPTIONS,
  takesOptionFiles: false,
}

/** What a new network is made with. */
export type InitOptions = Omit<OptionsOf<typeof OPTIONS>, 'keyBits'> & { readonly keyBits: number }

/** Checks all options of `re6st-registry init`, together. */
export function initOptions(words: ParsedWords): Result<InitOptions> {
  const values = optionValues(INIT_COMMAND, words)
  if (!values.ok) return values
  const { name, keyBits } = values.value
  if ([...name].length > LONGEST_NAME || /\p{Cc}/u.test(name))
    return refuse(`--name: must have at most ${LONGEST_NAME} characters, on one line`)
  return ok({ ...values.value, keyBits: Number(keyBits) })
}
