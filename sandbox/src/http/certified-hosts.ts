import type { Server } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
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

/**
 * For an HTTPS server that has many names: which certificate a connection gets.
 * @param instead for a name that is not known: an error ends the connection, null gives it the server's own certificate
 */
export function certificateByName(
  authority: KeyPair,
  isKnown: (host: string) => boolean,
  instead: (host: string) => Error | null,
): NonNullable<TlsOptions['SNICallback']> {
  const contextOf = certifiedHosts(authority)
  return (host, callback) => {
    if (!isKnown(host)) return callback(instead(host))
    contextOf([host]).then(
      context => callback(null, context),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    )
  }
}

/** Goes on as this server on a connection that was asked for by CONNECT. */
export function acceptTunnel(server: Server, client: Duplex): void {
  client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  server.emit('connection', client)
}
