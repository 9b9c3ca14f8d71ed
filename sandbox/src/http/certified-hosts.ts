import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import { issueCertificate, type KeyPair } from '../kubernetes/pki.ts'

/** What TLS needs to be these hosts: a certificate of theirs, issued when they are first asked for and kept. */
export function certifiedHosts(authority: KeyPair): (hosts: readonly string[]) => Promise<SecureContext> {
  const contexts = new Map<string, Promise<SecureContext>>()
  return hosts => {
    const key = hosts.join()
    const known = contexts.get(key)
    if (known !== undefined) return known
    const ipAddresses = hosts.filter(host => isIP(host) !== 0)
    const made = issueCertificate(authority, {
      // X.509 allows no more of it; clients look at the names below.
      commonName: (hosts[0] ?? '').slice(-64),
      usage: ['server'],
      dnsNames: hosts.filter(host => isIP(host) === 0),
      ...(ipAddresses.length === 0 ? {} : { ipAddresses }),
    }).then(({ certificatePem, keyPem }) => createSecureContext({ cert: certificatePem, key: keyPem }))
    contexts.set(key, made)
    return made
  }
}
