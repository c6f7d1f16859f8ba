import type { FingerprintAlgorithm } from '../crypto/certificate.ts'
import { type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { SERVICE_DIRECTORY } from './node-file-command.ts'
import { flag, type OptionsOf, optional, repeated, required, withDefault } from './option-table.ts'
import {
  certificateFingerprint,
  directoryPath,
  httpUrl,
  location,
  nonEmpty,
  subjectField,
} from './value-types.ts'

const NETWORK = 'Network'
const NODE = 'This node'

/** Algorithms of `--fingerprint`, with the length of a digest in bytes. */
const DIGEST_LENGTHS: Readonly<Record<FingerprintAlgorithm, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

/** The options of `re6st-conf`. */
export const CONF_OPTIONS = {
  registry: required(httpUrl, {
    names: ['--registry'],
    group: NETWORK,
    help: "URL of the network's registry",
  }),
  fingerprint: optional(certificateFingerprint(DIGEST_LENGTHS), {
    names: ['--fingerprint'],
    group: NETWORK,
    help: "digest that the authority's certificate must have, e.g. sha256:1f…; without it, whoever sits between you and the registry can give you another network",
  }),
  isNeeded: flag({
    names: ['--is-needed'],
    group: NETWORK,
    help: 'do nothing, only tell by the exit status whether this machine still needs re6stnet to reach the network: 0 if so, 1 if it is in it already',
  }),
  caOnly: flag({
    names: ['--ca-only'],
    group: NETWORK,
    help: "fetch and check the authority's certificate, nothing else",
  }),
  directory: withDefault(directoryPath('DIR'), '.', {
    names: ['-d', '--dir'],
    group: NODE,
    help: 'where the files are made',
  }),
  subject: repeated(subjectField, {
    names: ['-r', '--req'],
    group: NODE,
    help: 'field of the subject of the certificate, e.g. -r O "Example Ltd"; an empty value removes it; CN and serialNumber are the registry\'s',
  }),
  email: optional(nonEmpty('EMAIL'), {
    names: ['--email'],
    group: NODE,
    help: 'where the token is mailed to',
    otherwise: 'default: asked for',
  }),
  token: optional(nonEmpty('TOKEN'), {
    names: ['--token'],
    group: NODE,
    help: 'the token that was mailed',
    otherwise: 'default: asked for',
  }),
  anonymous: flag({
    names: ['--anonymous'],
    group: NODE,
    help: 'ask for a certificate without an e-mail address',
  }),
  location: optional(location, {
    names: ['--location'],
    group: NODE,
    help: 'country and continent to get a prefix for, e.g. FR,EU; a new option file advertises the country',
    otherwise: "default: the registry looks this machine's address up",
  }),
} as const

/** The command `re6st-conf`. */
export const CONF_COMMAND: Command<typeof CONF_OPTIONS> = {
  name: 're6st-conf',
  description: 'Sets up a node: makes its key, gets its certificate, and writes a sample configuration.',
  options: CONF_OPTIONS,
  takesOptionFiles: false,
}

/** What `re6st-conf` is to do. */
export type ConfOptions = OptionsOf<typeof CONF_OPTIONS>

/** The same where the service looks for what is made. */
export const JOIN_COMMAND: Command<typeof CONF_OPTIONS> = {
  name: 're6st join',
  description:
    'Joins a network with this machine, as re6st-conf: makes its key, gets its certificate, and writes the option file of the service.',
  options: {
    ...CONF_OPTIONS,
    directory: withDefault(directoryPath('DIR'), SERVICE_DIRECTORY, {
      names: ['-d', '--dir'],
      group: NODE,
      help: 'where the files are made',
    }),
  },
  takesOptionFiles: false,
}

/** Checks all options of `re6st-conf`, or of `re6st join`, together. */
export function confOptions(
  words: ParsedWords,
  command: Command<typeof CONF_OPTIONS> = CONF_COMMAND,
): Result<ConfOptions> {
  const values = optionValues(command, words)
  if (!values.ok) return values
  const { anonymous, token, isNeeded, caOnly } = values.value
  if (anonymous && token !== undefined)
    return refuse('--anonymous: cannot be combined with --token: an anonymous node has none')
  if (isNeeded && caOnly) return refuse('--is-needed: cannot be combined with --ca-only: it changes nothing')
  return values
}
