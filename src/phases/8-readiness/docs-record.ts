import * as z from 'zod'
import { homeCloud } from '../../config/configured-clouds.ts'
import type { Finding } from '../../engine/check.ts'
import { parseJson } from '../../engine/json.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { checkPatienceMs } from '../2-kubernetes/cluster-check.ts'
import { mark } from '../2-kubernetes/marks.ts'
import { deployedNow } from '../7-validation/deployed.ts'
import { orError, pass } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'

/** In the home cloud's cluster, beside the signatures: what the documentation is about is there, too. */
const ref = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: 'go-live-documentation',
  namespace: 'ml-platform',
} as const
const key = 'documentation.json'

const recordSchema = z.object({
  at: z.iso.datetime(),
  runId: z.string(),
  /** By cloud, what was deployed then. */
  deployed: z.record(z.string(), z.string()),
  /** What did not answer, so that the pages say nothing of it. */
  unanswered: z.array(z.string()),
})

/** Notes that documentation was made, of what is deployed now. */
export async function writeDocsRecord(
  context: Context,
  made: { readonly at: string; readonly runId: string; readonly unanswered: readonly string[] },
): Promise<void> {
  const deployed: Record<string, string> = {}
  for (const cloud of context.clouds.keys()) {
    const client = await requireCluster(context, cloud, checkPatienceMs)
    deployed[cloud] = (await deployedNow(context, client)).digest
  }
  const client = await requireCluster(context, homeCloud(context.config), checkPatienceMs)
  await client.apply(
    mark(context, 'documentation', {
      apiVersion: ref.apiVersion,
      kind: ref.kind,
      metadata: { name: ref.name, namespace: ref.namespace },
      data: { [key]: JSON.stringify({ ...made, deployed }) },
    }),
  )
}

const remedy = ['mlp report --docs docs/platform']

/** A warning, never a failure: a platform runs without, and somebody may answer for other documentation by name. */
export const documentationCheck: PlatformCheck = {
  id: '8.all.documentation',
  phase: 8,
  cloud: 'all',
  title: 'Documentation was made of what is deployed',
  why: 'Whoever is called at night reads of another platform, or of none.',
  run: context => orError(() => look(context)),
}

async function look(context: Context): Promise<Finding> {
  const home = await requireCluster(context, homeCloud(context.config), checkPatienceMs)
  const data = z.looseObject({ data: z.record(z.string(), z.string()) }).safeParse(await home.get(ref))
    .data?.data
  const parsed = recordSchema.safeParse(parseJson(data?.[key] ?? ''))
  if (!parsed.success) return { status: 'warn', detail: 'no documentation was made yet', remedy }
  const { at, runId, deployed, unanswered } = parsed.data
  const basis = { basis: { at, runId } }
  if (unanswered.length > 0)
    return {
      status: 'warn',
      detail: `made on ${at}, when these did not answer: ${unanswered.join('; ')}`,
      remedy,
      ...basis,
    }
  const changed: string[] = []
  for (const cloud of context.clouds.keys()) {
    const now = await deployedNow(context, await requireCluster(context, cloud, checkPatienceMs))
    if (deployed[cloud] !== now.digest) changed.push(cloud)
  }
  return changed.length === 0
    ? { ...pass(`made on ${at}, of what is deployed now`), ...basis }
    : {
        status: 'warn',
        detail: `made on ${at}; since then something else was deployed on ${changed.join(', ')}`,
        remedy,
        ...basis,
      }
}
