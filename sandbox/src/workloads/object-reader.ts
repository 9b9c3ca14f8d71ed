import * as z from 'zod'
import type { ApiClient } from '../kubernetes/api-client.ts'

/** ConfigMaps, Secrets and tokens that pods use. */
export interface ObjectReader {
  /** What it holds by key; undefined when there is no such object. */
  data(
    kind: 'ConfigMap' | 'Secret',
    namespace: string,
    name: string,
  ): Promise<ReadonlyMap<string, Buffer> | undefined>
  /** Folder on this machine of a claim's volume; undefined while there is none, or when nothing here holds it. */
  volume(namespace: string, claim: string): Promise<string | undefined>
  /** A token of a service account, bound to the pod; `expiresAt` in epoch milliseconds. */
  token(request: TokenRequest): Promise<{ readonly token: string; readonly expiresAt: number }>
}

interface TokenRequest {
  readonly namespace: string
  readonly serviceAccount: string
  readonly audience: string | undefined
  readonly expirationSeconds: number
  readonly pod: { readonly name: string; readonly uid: string }
}

const configMapSchema = z.looseObject({
  data: z.record(z.string(), z.string()).nullish(),
  binaryData: z.record(z.string(), z.string()).nullish(),
})
const secretSchema = z.looseObject({ data: z.record(z.string(), z.string()).nullish() })
const claimSchema = z.looseObject({
  spec: z.looseObject({ volumeName: z.string().default('') }),
  status: z.looseObject({ phase: z.string().default('') }).default({ phase: '' }),
})
const volumeSchema = z.looseObject({
  spec: z.looseObject({ hostPath: z.looseObject({ path: z.string() }).optional() }),
})
const tokenSchema = z.looseObject({
  status: z.looseObject({ token: z.string(), expirationTimestamp: z.string() }),
})

export function createObjectReader(client: ApiClient): ObjectReader {
  return {
    async data(kind, namespace, name) {
      const resource = kind === 'Secret' ? 'secrets' : 'configmaps'
      const path = `/api/v1/namespaces/${namespace}/${resource}/${encodeURIComponent(name)}`
      const answer = await client.send('GET', path)
      if (answer.status === 404) return undefined
      if (answer.status >= 300) throw new Error(`GET ${path}: ${answer.status}`)
      if (kind === 'Secret') return decoded(secretSchema.parse(answer.body).data)
      const { data, binaryData } = configMapSchema.parse(answer.body)
      const texts = Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const)
      return new Map([...texts, ...decoded(binaryData)])
    },
    async volume(namespace, claim) {
      const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${encodeURIComponent(claim)}`
      const answer = await client.send('GET', path)
      if (answer.status === 404) return undefined
      if (answer.status >= 300) throw new Error(`GET ${path}: ${answer.status}`)
      const { spec, status } = claimSchema.parse(answer.body)
      if (status.phase !== 'Bound') return undefined
      const volume = await client.call('GET', `/api/v1/persistentvolumes/${spec.volumeName}`)
      return volumeSchema.parse(volume).spec.hostPath?.path
    },
    async token({ namespace, serviceAccount, audience, expirationSeconds, pod }) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`
      const answer = await client.call('POST', path, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          ...(audience === undefined ? {} : { audiences: [audience] }),
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
        },
      })
      const { token, expirationTimestamp } = tokenSchema.parse(answer).status
      return { token, expiresAt: Date.parse(expirationTimestamp) }
    },
  }
}

function decoded(data: Readonly<Record<string, string>> | null | undefined): Map<string, Buffer> {
  return new Map(Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]))
}
