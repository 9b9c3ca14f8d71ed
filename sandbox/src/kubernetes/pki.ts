import 'reflect-metadata'
import { generateKeyPair, randomBytes, webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import * as x509 from '@peculiar/x509'

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificatePem: string
  readonly keyPem: string
}

export interface LeafRequest {
  readonly commonName: string
  /** Kubernetes reads group membership from here. */
  readonly organizations?: readonly string[]
  readonly usage: readonly ('server' | 'client')[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const lifetimeYears = 10
/** Certificates begin a little in the past, so that a clock that is slightly behind still accepts them. */
const clockSkewMs = 60 * 60 * 1000

/** A self-signed certificate authority that may sign leaves only. */
export async function createCertificateAuthority(commonName: string): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    ...validity(),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: pem(certificate), keyPem: await privateKeyPem(keys.privateKey) }
}

/** A certificate signed by `authority` for one server, one client, or both. */
export async function issueCertificate(authority: KeyPair, request: LeafRequest): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificatePem)
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    x509.PemConverter.decodeFirst(authority.keyPem),
    algorithm,
    false,
    ['sign'],
  )
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const alternativeNames = [
    ...(request.dnsNames ?? []).map(value => ({ type: 'dns' as const, value })),
    ...(request.ipAddresses ?? []).map(value => ({ type: 'ip' as const, value })),
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [
      ...(request.organizations ?? []).map(organization => ({ O: [organization] })),
      { CN: [request.commonName] },
    ],
    issuer: issuer.subject,
    ...validity(),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        request.usage.map(usage => x509.ExtendedKeyUsage[usage === 'server' ? 'serverAuth' : 'clientAuth']),
      ),
      ...(alternativeNames.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternativeNames)] : []),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return { certificatePem: pem(certificate), keyPem: await privateKeyPem(keys.privateKey) }
}

/** The key that signs service account tokens: RSA, because the clouds' token services accept RS256 only. */
export async function createServiceAccountKey(): Promise<{ privatePem: string; publicPem: string }> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

function validity(): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Date.now() - clockSkewMs)
  const notAfter = new Date(notBefore)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + lifetimeYears)
  return { notBefore, notAfter }
}

/** 127 random bits: positive, as RFC 5280 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return bytes.toString('hex')
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key)
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`
}
