import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createRoot, createSelfSigned, issueIntermediate } from '../../../../src/tools/certificates/issue.ts'
import { daysUntil, isIssuedBy, isPair, readCertificate } from '../../../../src/tools/certificates/read.ts'

const now = new Date()

describe('the authorities of a mesh', () => {
  it('have an intermediate that the root signed, and that signs leaves only', async () => {
    const root = await createRoot('mesh root', { now, days: 3650 })
    const own = await issueIntermediate(root, 'aws-dev', { now, days: 365 })
    expect(isIssuedBy(own.certificatePem, root.certificatePem)).toBe(true)
    expect(isPair(own.certificatePem, own.keyPem)).toBe(true)
    expect(isPair(own.certificatePem, root.keyPem)).toBe(false)
    expect(readCertificate(own.certificatePem)).toMatchObject({
      subject: 'O=mlp, CN=aws-dev',
      isAuthority: true,
    })
    expect(daysUntil(new Date(new X509Certificate(own.certificatePem).validTo), now)).toBeGreaterThan(363)
  })

  it('are not those of another root', async () => {
    const [one, other] = await Promise.all(['one', 'other'].map(name => createRoot(name, { now, days: 10 })))
    if (one === undefined || other === undefined) throw new Error('two roots were made')
    const own = await issueIntermediate(one, 'aws-dev', { now, days: 5 })
    expect(isIssuedBy(own.certificatePem, other.certificatePem)).toBe(false)
  })

  it('end no later than their root', async () => {
    const root = await createRoot('short', { now, days: 2 })
    const own = await issueIntermediate(root, 'aws-dev', { now, days: 365 })
    expect(readCertificate(own.certificatePem)?.endsAt).toEqual(readCertificate(root.certificatePem)?.endsAt)
  })
})

describe('a certificate that mlp signs by itself', () => {
  it('is for its hosts, and no authority', async () => {
    const { certificatePem, keyPem } = await createSelfSigned(['ml.example.com', '*.ml.example.com'], {
      now,
      days: 90,
    })
    expect(readCertificate(certificatePem)).toMatchObject({
      hosts: ['ml.example.com', '*.ml.example.com'],
      isAuthority: false,
    })
    expect(isPair(certificatePem, keyPem)).toBe(true)
    expect(new X509Certificate(certificatePem).checkHost('api.ml.example.com')).toBe('*.ml.example.com')
  })
})

it('what is no certificate is none, and no pair', () => {
  expect(readCertificate('nonsense')).toBeUndefined()
  expect(isPair('nonsense', 'nonsense')).toBe(false)
  expect(isIssuedBy('nonsense', 'nonsense')).toBe(false)
})
