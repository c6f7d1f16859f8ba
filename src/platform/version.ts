import { readFileSync } from 'node:fs'

/** Put there by `npm run build`; absent when the sources are run as they are. */
declare const RE6STNET_VERSION: string | undefined

/** Version of this package. */
export const VERSION: string =
  typeof RE6STNET_VERSION === 'string'
    ? RE6STNET_VERSION
    : (
        JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
          version: string
        }
      ).version
