import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import { createSelfSigned } from '../../tools/certificates/issue.ts'
import { daysUntil, isPair, readCertificate } from '../../tools/certificates/read.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { istioNamespace } from './mesh.ts'
import { secretStep } from './secret-step.ts'

/** The guide's. Where the gateways run: they read no Secret of another namespace. */
export const gatewayTls = { name: 'ml-platform-tls', namespace: istioNamespace, type: 'kubernetes.io/tls' }
const selfSignedDays = 90
/** Renewed by any run in its last month. */
const reserveDays = 30

/** What the gateway shows clients: the operator's own files, or a certificate that mlp signs by itself and renews. */
export function gatewayCertificateStep(cloud: CloudName): PlatformStep {
  return secretStep({
    cloud,
    name: 'gateway-certificate',
    title: 'Certificate of the gateway',
    needs: [],
    secret: gatewayTls,
    inputs: context => ({
      hosts: [...gatewayHosts(context.config)],
      files: context.config.mesh?.tls ?? null,
    }),
    async judge(context, values) {
      const given = await givenFiles(context)
      const certificate = values['tls.crt'] ?? ''
      if (given !== undefined) {
        const same = given.certificate === certificate && given.key === values['tls.key']
        return same ? undefined : 'mlp.yaml names another certificate'
      }
      const facts = readCertificate(certificate)
      if (facts === undefined || !isPair(certificate, values['tls.key'] ?? '')) {
        return 'it holds no certificate with its key'
      }
      const missing = gatewayHosts(context.config).filter(host => !facts.hosts.includes(host))
      if (missing.length > 0) return `it is not for ${missing.join(', ')}`
      const days = daysUntil(facts.endsAt, new Date())
      return days > reserveDays ? undefined : `it ends in ${days} days`
    },
    async make(context) {
      const given = await givenFiles(context)
      if (given !== undefined) return { 'tls.crt': given.certificate, 'tls.key': given.key }
      const lifetime = { now: new Date(), days: selfSignedDays }
      const { certificatePem, keyPem } = await createSelfSigned(gatewayHosts(context.config), lifetime)
      return { 'tls.crt': certificatePem, 'tls.key': keyPem }
    },
  })
}

/** Without a domain nobody's names: a client that checks them has to be told. */
export function gatewayHosts(config: Config): readonly string[] {
  const domain = config.domain ?? `${config.project}-${config.environment}.mlp.internal`
  return [domain, `*.${domain}`]
}

async function givenFiles(context: Context): Promise<{ certificate: string; key: string } | undefined> {
  const tls = context.config.mesh?.tls
  if (tls === undefined) return undefined
  const read = async (path: string) => {
    const file = isAbsolute(path) ? path : join(context.platformFolder, path)
    try {
      return await readFile(file, 'utf8')
    } catch (error) {
      throw unusable(`${file} cannot be read`, String(error))
    }
  }
  const [certificate, key] = await Promise.all([read(tls.certificate), read(tls.key)])
  const facts = readCertificate(certificate)
  if (facts === undefined) throw unusable(`${tls.certificate} holds no certificate`, undefined)
  if (!isPair(certificate, key)) throw unusable(`${tls.key} is not the key of ${tls.certificate}`, undefined)
  if (facts.endsAt.getTime() <= Date.now()) {
    throw unusable(`${tls.certificate} ended on ${facts.endsAt.toISOString().slice(0, 10)}`, undefined)
  }
  return { certificate, key }
}

function unusable(summary: string, detail: string | undefined): MlpError {
  return new MlpError({
    code: 'MLP4055',
    summary: `The gateway’s certificate cannot be used: ${summary}`,
    detail,
    remedy: [
      'Set mesh.tls.certificate and mesh.tls.key in mlp.yaml to PEM files that belong together.',
      'Or leave mesh.tls out: mlp then signs one by itself.',
    ],
  })
}
