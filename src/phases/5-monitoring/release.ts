import { gunzipSync } from 'node:zlib'
import * as z from 'zod'
import { platformIdKey } from '../../config/names.ts'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { objectsIn } from '../2-kubernetes/templates.ts'
import { monitoringNamespace, releaseName } from './names.ts'

/** Which values a release was made from. */
export const contentLabel = 'mlp.dev/values'
/** Which chart, and where that came from. */
export const chartLabel = 'mlp.dev/chart'
export const originLabel = 'mlp.dev/chart-origin'

/** One revision of the release, as the cluster itself keeps it: helm need not be started to know how it stands. */
export interface Release {
  readonly revision: number
  /** helm's own word: deployed, failed, pending-install, pending-upgrade, uninstalling … */
  readonly status: string
  /** `mlp-…`; undefined where somebody else's helm made it. */
  readonly platformId: string | undefined
  readonly values: string | undefined
  readonly chart: string | undefined
  readonly origin: string | undefined
  /** helm's record of it. */
  readonly secret: KubeObject
}

const pending = /^(pending-|uninstalling)/
const secretSchema = z.looseObject({ data: z.looseObject({ release: z.string() }) })
const contentSchema = z.looseObject({
  manifest: z.string(),
  chart: z.looseObject({ metadata: z.looseObject({ version: z.string() }) }),
})

/** The newest revision; undefined where nothing was installed. */
export async function readRelease(client: KubeClient): Promise<Release | undefined> {
  const secrets = await client.list({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: monitoringNamespace,
    labelSelector: `owner=helm,name=${releaseName}`,
  })
  return secrets.map(releaseOf).toSorted((a, b) => b.revision - a.revision)[0]
}

function releaseOf(secret: KubeObject): Release {
  const labels = secret.metadata.labels ?? {}
  return {
    revision: Number(labels['version'] ?? 0),
    status: labels['status'] ?? 'unknown',
    platformId: labels[platformIdKey.kubernetes],
    values: labels[contentLabel],
    chart: labels[chartLabel],
    origin: labels[originLabel],
    secret,
  }
}

/** helm was stopped in the middle, or another one is at work. */
export function isPending({ status }: Release): boolean {
  return pending.test(status)
}

/** The objects that a release consists of (hooks are not among them), and its chart's version. */
export function contentOf({ secret }: Release): {
  readonly version: string
  readonly objects: readonly KubeObject[]
} {
  const encoded = Buffer.from(secretSchema.parse(secret).data.release, 'base64').toString()
  const { manifest, chart } = contentSchema.parse(
    parseJson(gunzipSync(Buffer.from(encoded, 'base64')).toString()),
  )
  return { version: chart.metadata.version, objects: objectsIn(manifest, 'the release') }
}
