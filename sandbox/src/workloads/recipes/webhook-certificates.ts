import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { ApiClient } from '../../kubernetes/api-client.ts'
import { createCertificateAuthority, issueCertificate } from '../../kubernetes/pki.ts'
import type { Pod } from '../pod.ts'
import type { Recipe } from './recipe.ts'

/**
 * kube-webhook-certgen is in no registry that programs are taken from here, and all of an operator waits for its
 * certificate: the sandbox does what its Jobs would, and says so of their pods.
 */
export const webhookCertificates: Recipe = {
  what: 'kube-webhook-certgen',
  images: '^(ghcr\\.io/jkroepke|registry\\.k8s\\.io/ingress-nginx)/kube-webhook-certgen:v?\\d',
  programs: {},
  entrypoint: [],
  user: '65532:65532',
  environment: {},
  prepare,
  plays: () => 'Nothing runs in this container: the sandbox has done its work itself',
  ends: true,
}

const attempts = 20
const retryMs = 500

async function prepare(pod: Pod, client: ApiClient): Promise<void> {
  for (const { args } of pod.spec.containers) {
    const act = args[0] === 'create' ? create : args[0] === 'patch' ? patch : undefined
    // Others write to the same objects; what cannot be done at all is not waited for any longer than that.
    for (let attempt = 1; act !== undefined; attempt++) {
      try {
        await act(optionsOf(args), client)
        break
      } catch (error) {
        if (attempt === attempts) throw error
        await delay(retryMs)
      }
    }
  }
}

/** `--name=value` and `--name value`. */
function optionsOf(args: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    args.flatMap((word, index) => {
      const [, name = '', value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
      return name === '' ? [] : [[name, value ?? args[index + 1] ?? ''] as const]
    }),
  )
}

const secretSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })

function secretPath(options: ReadonlyMap<string, string>): string {
  return `/api/v1/namespaces/${options.get('namespace')}/secrets`
}

/** A certificate that is there already stays. */
async function create(options: ReadonlyMap<string, string>, client: ApiClient): Promise<void> {
  const name = options.get('secret-name') ?? ''
  const known = await client.send('GET', `${secretPath(options)}/${name}`)
  if (known.status === 200) return
  const dnsNames = (options.get('host') ?? '').split(',')
  const authority = await createCertificateAuthority('webhooks of the sandbox')
  const pair = await issueCertificate(authority, {
    commonName: dnsNames[0] ?? '',
    usage: ['server'],
    dnsNames,
  })
  await client.call('POST', secretPath(options), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    type: 'Opaque',
    stringData: {
      [options.get('ca-name') ?? 'ca']: authority.certificatePem,
      [options.get('cert-name') ?? 'cert']: pair.certificatePem,
      [options.get('key-name') ?? 'key']: pair.keyPem,
    },
  })
}

const configurationSchema = z.looseObject({
  webhooks: z.array(z.looseObject({ clientConfig: z.looseObject({}) })).default([]),
})

/** Tells the API server by which authority the webhooks prove themselves. */
async function patch(options: ReadonlyMap<string, string>, client: ApiClient): Promise<void> {
  const name = options.get('secret-name') ?? ''
  const secret = secretSchema.parse(await client.call('GET', `${secretPath(options)}/${name}`))
  const caBundle = secret.data[options.get('ca-name') ?? 'ca']
  const failurePolicy = options.get('patch-failure-policy')
  for (const kind of ['validating', 'mutating']) {
    if (options.get(`patch-${kind}`) === 'false') continue
    const path = `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations/${options.get('webhook-name')}`
    const found = await client.send('GET', path)
    if (found.status === 404) continue
    const configuration = configurationSchema.parse(found.body)
    await client.call('PUT', path, {
      ...configuration,
      webhooks: configuration.webhooks.map(webhook => ({
        ...webhook,
        clientConfig: { ...webhook.clientConfig, caBundle },
        ...(failurePolicy === undefined || failurePolicy === '' ? {} : { failurePolicy }),
      })),
    })
  }
}
