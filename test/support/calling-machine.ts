import { createPrivateKey } from 'node:crypto'
import { readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../src/core/crypto/rsa.ts'
import { requestHmac } from '../../src/core/rpc/session.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { vectors } from './vectors.ts'

const pki = vectors<{ keys: Record<string, string>; csr: Record<string, string> }>('pki.json')

/** A machine that was enrolled, without an invitation. */
export async function enrolledMachine(url: string) {
  const csr = pki.csr['node-a'] ?? ''
  const certificate = readNodeCertificate(
    (await new RegistryClient(url).requestCertificate({ token: '', csr })) ?? '',
  )
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

/** Asks for the configuration, as a machine does that speaks this protocol (undefined: it does not say), with this software. */
export async function callAs(
  url: string,
  prefix: string,
  { protocol, agent }: { readonly protocol?: number; readonly agent: string },
): Promise<void> {
  const headers = { 'User-Agent': agent }
  const said = protocol === undefined ? '' : `&protocol=${protocol}`
  const hello = await fetch(`${url}hello?client_prefix=${prefix}${said}`, { headers })
  const answer = Buffer.from(await hello.arrayBuffer())
  const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))
  const secret = decrypt(answer.subarray(0, answer.length / 2))
  const target = `/getNetworkConfig?cn=${prefix}`
  const { status } = await fetch(new URL(target, url), {
    headers: { ...headers, Re6stHMAC: requestHmac(secret, target).toString('base64') },
  })
  if (status !== 200) throw new Error(`the call was answered with ${status}`)
}
