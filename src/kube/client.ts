import * as z from 'zod'
import type { ClusterAccess, ClusterToken } from '../clouds/cloud.ts'
import type { MlpError } from '../engine/errors.ts'
import { parseJson } from '../engine/json.ts'
import { refusedBy, statusOf } from './answers.ts'
import { type ClusterLabel, fieldConflict, notKubernetes, refused, waitedTooLong } from './errors.ts'
import { knownKind } from './known-kinds.ts'
import { describeUnfinished } from './leaving.ts'
import { describeRef, type KubeObject, kubeObjectSchema, type ObjectRef, refOf } from './objects.ts'
import { openPatches, type Patches } from './patches.ts'
import { askPod, type PodAnswer, type PodPort, type PodRequest, withPodPort } from './port-forward.ts'
import { type HttpAnswer, type HttpRequest, openTransport } from './transport.ts'
import { watchUntil } from './watch.ts'

/** Who mlp is to the API server when it says which fields it owns. */
export const fieldManager = 'mlp'
const pageSize = 500

/** One cluster's API. Every method honours the signal it was opened with and throws MlpError MLP40xx. */
export interface KubeClient extends Patches {
  readonly label: ClusterLabel
  /** `v1.35.4` */
  version(): Promise<string>
  /** Undefined also where the cluster has no such kind; a list of it is empty. */
  get(ref: ObjectRef): Promise<KubeObject | undefined>
  list(query: ListQuery): Promise<readonly KubeObject[]>
  /** Every kind of namespaced object the cluster has. */
  namespacedKinds(): Promise<readonly ResourceKind[]>
  /** Server-side apply with field manager `mlp`. A field that another manager owns is MLP4010, unless forced. */
  apply(object: KubeObject, options?: ApplyOptions): Promise<KubeObject>
  /** False when it was not there. With `uid`, only that very object and none of the same name made since. */
  delete(ref: ObjectRef, uid?: string): Promise<boolean>
  /** The object (undefined: gone) as soon as `done` says so, by watching it; MLP4011 after `timeoutMs`. */
  waitFor(ref: ObjectRef, wait: Wait): Promise<KubeObject | undefined>
  /** SelfSubjectAccessReview: may this identity do that? */
  may(action: AccessQuestion): Promise<{ readonly allowed: boolean; readonly reason: string }>
  /** The text of a plain endpoint such as /readyz; its status when it is not 200. */
  probe(path: string): Promise<{ readonly status: number; readonly text: string }>
  /** One HTTP request to a pod's port, through the API server. MLP4040 when no answer comes. */
  askPod(to: PodPort, request: PodRequest): Promise<PodAnswer>
  /** What `work` does at a loopback port that leads to the pod's, through the API server. MLP4040 when there is no way. */
  withPodPort<T>(to: PodPort, work: (port: number) => Promise<T>): Promise<T>
}

export interface KubeClientOptions {
  readonly cloud: string
  readonly access: ClusterAccess
  readonly token: (signal: AbortSignal) => Promise<ClusterToken>
  readonly signal: AbortSignal
  /** Who asks, as the cluster's audit log tells it. */
  readonly userAgent?: string
  /** How long what may pass by itself is waited for; default 20 s. */
  readonly patienceMs?: number
}

interface ListQuery {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly labelSelector?: string
}

interface ResourceKind {
  readonly apiVersion: string
  readonly kind: string
  readonly listable: boolean
}

interface ApplyOptions {
  /** Asks the API server what would be, changes nothing. */
  readonly dryRun?: boolean
  /** Takes fields over from other managers; only with the operator's consent. */
  readonly force?: boolean
}

interface Wait {
  readonly what: string
  readonly timeoutMs: number
  done(object: KubeObject | undefined): boolean
}

export interface AccessQuestion {
  readonly verb: string
  /** '' is the core group. */
  readonly group: string
  readonly resource: string
  readonly namespace?: string
}

const resourceSchema = z.object({
  name: z.string(),
  kind: z.string(),
  namespaced: z.boolean(),
  verbs: z.array(z.string()),
})
const resourceListSchema = z.object({ groupVersion: z.string(), resources: z.array(resourceSchema) })
type Resource = z.infer<typeof resourceSchema>
const listSchema = z.object({
  metadata: z.object({ continue: z.string().optional() }).default({}),
  items: z.array(z.looseObject({})),
})
const groupListSchema = z.object({
  groups: z.array(z.object({ preferredVersion: z.object({ groupVersion: z.string() }) })),
})
const reviewSchema = z.object({
  status: z.object({ allowed: z.boolean(), reason: z.string().default('') }),
})
const versionSchema = z.object({ gitVersion: z.string() })

export function openKubeClient(options: KubeClientOptions): KubeClient {
  const label: ClusterLabel = {
    cloud: options.cloud,
    cluster: options.access.name,
    endpoint: options.access.endpoint,
  }
  const transport = openTransport({ ...options, label })
  const resourceLists = new Map<string, Promise<readonly Resource[]>>()

  /** Sends, and parses a success; anything else throws. */
  async function ask<T>(action: string, request: HttpRequest, schema: z.ZodType<T>): Promise<T> {
    const answer = await transport.send(request)
    if (answer.status >= 300) throw refusedBy(label, action, answer)
    return parse(action, answer, schema)
  }

  function parse<T>(action: string, answer: HttpAnswer, schema: z.ZodType<T>): T {
    const parsed = schema.safeParse(parseJson(answer.text))
    if (parsed.success) return parsed.data
    throw notKubernetes(label, action, z.prettifyError(parsed.error))
  }

  async function listResources(apiVersion: string): Promise<readonly Resource[]> {
    const action = `list the kinds of ${apiVersion}`
    const answer = await transport.send({ method: 'GET', path: apiRoot(apiVersion) })
    if (answer.status === 404) return []
    if (answer.status >= 300) throw refusedBy(label, action, answer)
    return parse(action, answer, resourceListSchema).resources
  }

  /** Asked once, also by requests that begin together; what is not there yet (a CRD) is asked for again. */
  async function resourcesOf(apiVersion: string): Promise<readonly Resource[]> {
    const known = resourceLists.get(apiVersion)
    if (known !== undefined) return await known
    const asked = listResources(apiVersion)
    resourceLists.set(apiVersion, asked)
    try {
      const resources = await asked
      if (resources.length === 0) resourceLists.delete(apiVersion)
      return resources
    } catch (error) {
      resourceLists.delete(apiVersion)
      throw error
    }
  }

  /** Undefined where the cluster has no such kind: a CRD that is not there yet, or no longer. */
  async function collectionPath(apiVersion: string, kind: string, namespace: string | undefined) {
    const resource =
      knownKind(apiVersion, kind) ??
      (await resourcesOf(apiVersion)).find(
        candidate => candidate.kind === kind && !candidate.name.includes('/'),
      )
    if (resource === undefined) {
      // The group may get more of its kinds later.
      resourceLists.delete(apiVersion)
      return undefined
    }
    const scope =
      resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
    return `${apiRoot(apiVersion)}${scope}/${resource.name}`
  }

  async function objectPath(ref: ObjectRef): Promise<string | undefined> {
    const collection = await collectionPath(ref.apiVersion, ref.kind, ref.namespace)
    return collection === undefined ? undefined : `${collection}/${encodeURIComponent(ref.name)}`
  }

  function unknownKind({ apiVersion, kind }: Pick<ObjectRef, 'apiVersion' | 'kind'>): MlpError {
    return refused(label, `use ${apiVersion} ${kind}`, 404, {
      kind: 'Status',
      message: `The cluster knows no kind ${kind} in ${apiVersion}.`,
      reason: 'NotFound',
    })
  }

  async function pathOf(ref: ObjectRef): Promise<string> {
    const path = await objectPath(ref)
    if (path === undefined) throw unknownKind(ref)
    return path
  }

  const client: KubeClient = {
    label,
    ...openPatches({ label, transport, pathOf, get: ref => client.get(ref) }),
    async version() {
      return (await ask('tell its version', { method: 'GET', path: '/version' }, versionSchema)).gitVersion
    },
    async get(ref) {
      const path = await objectPath(ref)
      if (path === undefined) return undefined
      const answer = await transport.send({ method: 'GET', path })
      if (answer.status === 404) return undefined
      const action = `read ${describeRef(ref)}`
      if (answer.status >= 300) throw refusedBy(label, action, answer)
      return parse(action, answer, kubeObjectSchema)
    },
    async list({ apiVersion, kind, namespace, labelSelector }) {
      const action = `list ${kind}`
      const path = await collectionPath(apiVersion, kind, namespace)
      if (path === undefined) return []
      const found: KubeObject[] = []
      let next: string | undefined
      do {
        const query = new URLSearchParams({ limit: String(pageSize) })
        if (labelSelector !== undefined) query.set('labelSelector', labelSelector)
        if (next !== undefined) query.set('continue', next)
        const page = await ask(action, { method: 'GET', path: `${path}?${query}` }, listSchema)
        // Items of a list carry neither apiVersion nor kind.
        const items = z
          .array(kubeObjectSchema)
          .safeParse(page.items.map(item => ({ ...item, apiVersion, kind })))
        if (!items.success) throw notKubernetes(label, action, z.prettifyError(items.error))
        found.push(...items.data)
        next = page.metadata.continue || undefined
      } while (next !== undefined)
      return found
    },
    async namespacedKinds() {
      const { groups } = await ask('list its API groups', { method: 'GET', path: '/apis' }, groupListSchema)
      const apiVersions = ['v1', ...groups.map(group => group.preferredVersion.groupVersion)]
      const lists = await Promise.all(
        apiVersions.map(async apiVersion =>
          (await resourcesOf(apiVersion))
            .filter(resource => resource.namespaced && !resource.name.includes('/'))
            .map(({ kind, verbs }) => ({ apiVersion, kind, listable: verbs.includes('list') })),
        ),
      )
      return lists.flat()
    },
    async apply(object, { dryRun = false, force = false } = {}) {
      const ref = refOf(object)
      const query = new URLSearchParams({ fieldManager, fieldValidation: 'Strict' })
      if (force) query.set('force', 'true')
      if (dryRun) query.set('dryRun', 'All')
      const answer = await transport.send({
        method: 'PATCH',
        path: `${await pathOf(ref)}?${query}`,
        body: object,
        // JSON is YAML.
        contentType: 'application/apply-patch+yaml',
      })
      const action = `apply ${describeRef(ref)}`
      if (answer.status === 409) throw fieldConflict(label, describeRef(ref), statusOf(answer))
      if (answer.status >= 300) throw refusedBy(label, action, answer)
      return parse(action, answer, kubeObjectSchema)
    },
    async delete(ref, uid) {
      const path = await objectPath(ref)
      if (path === undefined) return false
      const answer = await transport.send({
        method: 'DELETE',
        path,
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy: 'Background',
          ...(uid === undefined ? {} : { preconditions: { uid } }),
        },
      })
      // 409: another object has taken the name since.
      if (answer.status === 404 || (answer.status === 409 && uid !== undefined)) return false
      if (answer.status >= 300) throw refusedBy(label, `delete ${describeRef(ref)}`, answer)
      return true
    },
    async waitFor(ref, wait) {
      const path = await collectionPath(ref.apiVersion, ref.kind, ref.namespace)
      // Of a kind that is not there no object is: that may be what is waited for.
      if (path === undefined && wait.done(undefined)) return undefined
      if (path === undefined) throw unknownKind(ref)
      const outcome = await watchUntil({
        read: () => client.get(ref),
        lines: (resourceVersion, signal) =>
          transport.lines(
            `${path}?${new URLSearchParams({
              watch: 'true',
              fieldSelector: `metadata.name=${ref.name}`,
              resourceVersion,
            })}`,
            signal,
          ),
        done: wait.done,
        timeoutMs: wait.timeoutMs,
        signal: options.signal,
      })
      if (outcome.done) return outcome.object
      const last =
        outcome.object === undefined
          ? `${describeRef(ref)} is not there.`
          : describeUnfinished(outcome.object)
      throw waitedTooLong(label, wait.what, wait.timeoutMs, last)
    },
    async may({ verb, group, resource, namespace }) {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: {
          resourceAttributes: { verb, group, resource, ...(namespace === undefined ? {} : { namespace }) },
        },
      }
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
      const review = await ask('review this identity’s access', { method: 'POST', path, body }, reviewSchema)
      return review.status
    },
    async probe(path) {
      return transport.send({ method: 'GET', path })
    },
    askPod: (to, request) => askPod({ ...options, label }, to, request),
    withPodPort: (to, work) => withPodPort({ ...options, label }, to, work),
  }
  return client
}

function apiRoot(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
}
