declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  /** A provider of OpenID Connect; the package has no types. */
  export default class Provider {
    constructor(issuer: string, configuration: object)
    callback(): RequestListener
  }
}
