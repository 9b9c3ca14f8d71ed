import { createPrivateKey, X509Certificate } from 'node:crypto'

export interface CertificateFacts {
  readonly subject: string
  readonly endsAt: Date
  readonly isAuthority: boolean
  /** `*.ml.example.com`, `ml.example.com` */
  readonly hosts: readonly string[]
}

/** Of the first certificate of a PEM text; undefined when it holds none. */
export function readCertificate(pem: string): CertificateFacts | undefined {
  const certificate = parsed(pem)
  if (certificate === undefined) return undefined
  const hosts = (certificate.subjectAltName ?? '')
    .split(', ')
    .filter(name => name.startsWith('DNS:'))
    .map(name => name.slice('DNS:'.length))
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    endsAt: new Date(certificate.validTo),
    isAuthority: certificate.ca,
    hosts,
  }
}

/** Whether the key of `issuerPem` signed it. */
export function isIssuedBy(pem: string, issuerPem: string): boolean {
  const [certificate, issuer] = [parsed(pem), parsed(issuerPem)]
  return (
    certificate !== undefined &&
    issuer !== undefined &&
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey)
  )
}

/** Whether the private key is the certificate's own. */
export function isPair(certificatePem: string, keyPem: string): boolean {
  const certificate = parsed(certificatePem)
  if (certificate === undefined) return false
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem))
  } catch {
    // What cannot be parsed is no key of anything.
    return false
  }
}

export function daysUntil(end: Date, now: Date): number {
  return Math.floor((end.getTime() - now.getTime()) / 86_400_000)
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}
