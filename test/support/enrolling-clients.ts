import { RegistryClient } from '../../src/platform/registry-client.ts'

/**
 * So many clients take one certificate after the other, until the registry does not answer.
 * @param acknowledged gets what was given
 * @returns resolves for each when it has ended
 */
export const enrolUntilItEnds = (
  clients: number,
  url: string,
  csr: string,
  acknowledged: string[],
): Promise<void>[] =>
  Array.from({ length: clients }, async () => {
    const client = new RegistryClient(url)
    for (;;) {
      const pem = await client.requestCertificate({ token: '', csr }).catch(() => undefined)
      if (pem === undefined) return
      acknowledged.push(pem)
    }
  })
