import { randomBytes, webcrypto } from 'node:crypto'
import type * as X509 from '@peculiar/x509'

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificatePem: string
  readonly keyPem: string
}

export interface Lifetime {
  readonly now: Date
  readonly days: number
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 86_400_000
/** Certificates begin a little in the past, so that a clock that is slightly behind still accepts them. */
const clockSkewMs = 3_600_000

/** A root: it signs authorities that sign leaves, and nothing below those. */
export async function createRoot(name: string, lifetime: Lifetime): Promise<KeyPair> {
  const x509 = await library()
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: ['mlp'] }, { CN: [name] }],
    ...validity(lifetime),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return await pair(x509, certificate, keys)
}

/** An authority below `root` that signs leaves only; it ends no later than the root. */
export async function issueIntermediate(root: KeyPair, name: string, lifetime: Lifetime): Promise<KeyPair> {
  const x509 = await library()
  const issuer = new x509.X509Certificate(root.certificatePem)
  const keys = await newKeys()
  const { notBefore, notAfter } = validity(lifetime)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ O: ['mlp'] }, { CN: [name] }],
    issuer: issuer.subject,
    notBefore,
    notAfter: new Date(Math.min(notAfter.getTime(), issuer.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey(
      'pkcs8',
      x509.PemConverter.decodeFirst(root.keyPem),
      algorithm,
      false,
      ['sign'],
    ),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return await pair(x509, certificate, keys)
}

/** A server's certificate that nobody but itself vouches for. */
export async function createSelfSigned(hosts: readonly string[], lifetime: Lifetime): Promise<KeyPair> {
  const x509 = await library()
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: ['mlp'] }, { CN: [(hosts[0] ?? 'ml-platform').slice(0, 64)] }],
    ...validity(lifetime),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.map(value => ({ type: 'dns' as const, value }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return await pair(x509, certificate, keys)
}

/** Loaded by who issues something: most runs do not. */
async function library(): Promise<typeof X509> {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}

async function newKeys() {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

function validity({ now, days }: Lifetime): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - clockSkewMs),
    notAfter: new Date(now.getTime() + days * dayMs),
  }
}

/** 127 random bits: positive, as RFC 5280 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return bytes.toString('hex')
}

async function pair(
  x509: typeof X509,
  certificate: X509.X509Certificate,
  keys: webcrypto.CryptoKeyPair,
): Promise<KeyPair> {
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`,
  }
}
