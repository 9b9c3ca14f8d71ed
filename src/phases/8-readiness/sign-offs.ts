import * as z from 'zod'
import { homeCloud } from '../../config/configured-clouds.ts'
import { MlpError } from '../../engine/errors.ts'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { mark } from '../2-kubernetes/marks.ts'
import type { Context } from '../phase.ts'
import { checklist, type SignOff } from './checklist.ts'

/** In the home cloud's cluster: every operator sees it, and it goes with the platform that it is about. */
const ref = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: 'go-live-sign-offs',
  namespace: 'ml-platform',
} as const

const signOffSchema = z.object({ by: z.string(), at: z.iso.datetime(), runId: z.string() })
const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })

/** Who signed what; what cannot be read as a signature is none. */
export async function readSignOffs(context: Context): Promise<ReadonlyMap<string, SignOff>> {
  return await readFrom(await requireCluster(context, homeCloud(context.config)))
}

/** Keeps that somebody vouches for items; what others signed stays. */
export async function writeSignOffs(context: Context, signed: ReadonlyMap<string, SignOff>): Promise<void> {
  const client = await requireCluster(context, homeCloud(context.config))
  const all = new Map([...(await readFrom(client)), ...signed])
  const data = Object.fromEntries([...all].map(([item, signOff]) => [item, JSON.stringify(signOff)]))
  await client.apply(
    mark(context, 'sign-offs', {
      apiVersion: ref.apiVersion,
      kind: ref.kind,
      metadata: { name: ref.name, namespace: ref.namespace },
      data,
    }),
  )
}

/** `team-training`, or `team-training=Ada Lovelace`: item and name. Throws MLP1091 for what is no item, or nobody. */
export function readSignOffFlag(flag: string, user: string): { readonly item: string; readonly by: string } {
  const at = flag.indexOf('=')
  const item = at < 0 ? flag : flag.slice(0, at)
  const by = at < 0 ? user : flag.slice(at + 1).trim()
  const known = checklist.map(({ id }) => id)
  if (known.includes(item) && by !== '') return { item, by }
  throw new MlpError({
    code: 'MLP1091',
    summary: by === '' ? `--sign-off ${flag} names nobody` : `the checklist has no item ${item}`,
    detail: `There are: ${known.join(', ')}.`,
    remedy: ["mlp phase 8 --sign-off 'team-training=Your Name'", 'mlp verify --go-live shows the checklist.'],
  })
}

async function readFrom(client: KubeClient): Promise<ReadonlyMap<string, SignOff>> {
  const { data } = dataSchema.parse((await client.get(ref)) ?? {})
  return new Map(
    Object.entries(data).flatMap(([item, text]) => {
      const parsed = signOffSchema.safeParse(parseJson(text))
      return parsed.success ? [[item, parsed.data] as const] : []
    }),
  )
}
