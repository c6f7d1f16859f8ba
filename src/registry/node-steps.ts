import { shellWord } from '../core/values/shell-word.ts'

/** Where the services of the package have their files. */
const SERVICE_DIRECTORY = '/etc/re6stnet'
/** Whose mails those of a network are that has no address. */
export const DEFAULT_SENDER = 're6st@localhost'

export const isServiceDirectory = (directory: string): boolean => directory === SERVICE_DIRECTORY

/** Where the registry of this machine is. */
export const localUrl = (port: number): string => `http://localhost${port === 80 ? '' : `:${port}`}/`

/** Lines for a shell that make the node of the registry's machine run, which must be the first. */
export const nodeSteps = (directory: string, url: string, email: string): string[] => [
  `cd ${shellWord(directory)}`,
  `re6st-conf --registry ${url} --token "$(curl --silent --retry 10 --retry-connrefused "${url}addToken?email=${encodeURIComponent(email)}&token=")"`,
  isServiceDirectory(directory) ? 'systemctl enable --now re6stnet' : 're6stnet @re6stnet.conf &',
  're6st status --wait 60',
]
