import type { Cloud } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import type { Config } from '../../config/schema.ts'
import type { CheckId, Finding } from '../../engine/check.ts'
import type { AccessQuestion, KubeClient } from '../../kube/client.ts'
import { conditionsOf, metCondition } from '../../kube/conditions.ts'
import { compareWithLive } from '../../kube/drift.ts'
import { contextState, fileMode, readKubeconfig } from '../../kube/kubeconfig.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { fail, orError, pass } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { requireAccess, requireCluster } from './cluster.ts'
import { checkPatienceMs, clusterCheck } from './cluster-check.ts'
import { kubeContext, kubeconfigFile } from './context-step.ts'
import { declarations } from './declarations.ts'
import { mark, selectorOf } from './marks.ts'
import { priorityFinding } from './priority-check.ts'

const leastTokenLifetimeMs = 60_000

/** What this and the later phases do in a cluster, so that a missing right shows before a run, not in its middle. */
const rights: readonly AccessQuestion[] = [
  ...['get', 'list', 'watch', 'create', 'patch', 'delete'].map(verb => ({
    verb,
    group: '',
    resource: 'namespaces',
  })),
  ...['configmaps', 'secrets', 'serviceaccounts', 'services'].map(resource => ({
    verb: 'patch',
    group: '',
    resource,
  })),
  { verb: 'list', group: '', resource: 'nodes' },
  { verb: 'create', group: '', resource: 'pods/portforward' },
  { verb: 'patch', group: 'apps', resource: 'deployments' },
  { verb: 'patch', group: 'storage.k8s.io', resource: 'storageclasses' },
  { verb: 'patch', group: 'scheduling.k8s.io', resource: 'priorityclasses' },
  { verb: 'patch', group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  { verb: 'patch', group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { verb: 'patch', group: 'admissionregistration.k8s.io', resource: 'mutatingwebhookconfigurations' },
]

/** Guide, phase 2, asked of each cluster itself. */
export function clusterChecks(config: Config, cloud: Cloud): readonly PlatformCheck[] {
  const api: CheckId = `2.${cloud.name}.api`
  const check = clusterCheck(2, cloud.name)
  const bootstrap = `mlp bootstrap --to 2 --cloud ${cloud.name}`
  return [
    {
      id: api,
      phase: 2,
      cloud: cloud.name,
      title: 'API server reachable',
      why: 'Nothing can be deployed or looked at.',
      run: context =>
        orError(async () => {
          const client = await requireCluster(context, cloud.name, checkPatienceMs)
          const { status, text } = await client.probe('/readyz')
          return status === 200
            ? pass(`${client.label.endpoint} is ready, ${await client.version()}`)
            : fail(`/readyz answers ${status}: ${text.slice(0, 200)}`, [`mlp verify 1 --cloud ${cloud.name}`])
        }, 'fail'),
    },
    check('nodes', 'Nodes ready', 'Pods have nowhere to run.', [api], async (_context, client) =>
      nodesFinding(config, cloud, await client.list({ apiVersion: 'v1', kind: 'Node' })),
    ),
    check('objects', 'Objects as declared', 'Later phases build on them.', [api], (context, client) =>
      objectsFinding(context, cloud, client, bootstrap),
    ),
    check(
      'token',
      'Token fresh and accepted',
      'kubectl and mlp are refused.',
      [api],
      async (context, client) => {
        const { expiresAt } = await cloud.token(client.label.cluster, context.signal)
        const leftMs = Date.parse(expiresAt) - Date.now()
        if (leftMs < leastTokenLifetimeMs) {
          return fail(`a new token ends at ${expiresAt}`, [
            'Set this machine’s clock.',
            `mlp login ${cloud.name}`,
          ])
        }
        await client.may({ verb: 'get', group: '', resource: 'namespaces' })
        return pass(`a new token is accepted and lasts ${Math.round(leftMs / 60_000)} min`)
      },
    ),
    check(
      'access',
      'Rights in the cluster',
      'A run would stop in its middle.',
      [api],
      async (_context, client) => {
        const answers = await Promise.all(rights.map(right => client.may(right)))
        const missing = rights.filter((_, index) => answers[index]?.allowed !== true)
        return missing.length === 0
          ? pass(`all ${rights.length} rights`)
          : fail(`may not ${missing.map(describeRight).join(', ')}`, [
              'Give this identity administrator access to the cluster.',
              `mlp doctor --print-policy ${cloud.name}`,
            ])
      },
    ),
    check(
      'storage-class',
      'One default StorageClass',
      'Volumes stay pending.',
      [api],
      async (_context, client) =>
        storageFinding(
          await client.list({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }),
          bootstrap,
        ),
    ),
    check(
      'priority-classes',
      'PriorityClasses of the services',
      'New pods of a class that is not there are refused; on a full cluster, anything may take the services’ place.',
      [api],
      (context, client) => priorityFinding(context, client, [bootstrap]),
    ),
    {
      id: `2.${cloud.name}.context`,
      phase: 2,
      cloud: cloud.name,
      title: `Context ${contextName(cloud.name, config)}`,
      why: 'kubectl talks to no cluster, or to a wrong one.',
      run: context =>
        orError(async () => {
          const file = kubeconfigFile(context)
          const mode = await fileMode(file)
          if (mode === undefined) return fail(`${file} is not there`, [bootstrap])
          if (mode !== 0o600)
            return fail(`${file} has mode ${mode.toString(8)}, not 600`, [`chmod 600 ${file}`])
          const access = await requireAccess(context, cloud.name)
          const wanted = await kubeContext(context, cloud.name, access, file)
          const state = contextState(await readKubeconfig(file), wanted, file)
          return state === 'as-wanted'
            ? pass(`${wanted.name} in ${file}`)
            : fail(
                `${wanted.name} in ${file} is ${state === 'absent' ? 'missing' : 'not what the cloud tells'}`,
                [bootstrap],
              )
        }),
    },
  ]
}

function nodesFinding(config: Config, cloud: Cloud, nodes: readonly KubeObject[]): Finding {
  const wanted = config.clouds[cloud.name]
  if (wanted === undefined) throw new Error(`${cloud.name} is not in the configuration`)
  const isReady = (node: KubeObject) => metCondition(conditionsOf(node), 'Ready') !== undefined
  const unready = nodes.filter(node => !isReady(node)).map(node => node.metadata.name)
  const ready = nodes.length - unready.length
  const { min } = wanted.nodes
  const max = wanted.nodes.max + (wanted.gpuNodes?.max ?? 0)
  const remedy = [
    `mlp verify 1 --cloud ${cloud.name}`,
    `kubectl --context ${contextName(cloud.name, config)} describe nodes`,
  ]
  if (ready < min) return fail(`${ready} of at least ${min} nodes are Ready`, remedy)
  if (unready.length > 0) return { status: 'warn', detail: `not Ready: ${unready.join(', ')}`, remedy }
  return nodes.length > max
    ? { status: 'warn', detail: `${nodes.length} nodes, more than the ${max} of mlp.yaml`, remedy }
    : pass(`${ready} nodes Ready, of ${min} to ${max}`)
}

async function objectsFinding(
  context: Context,
  cloud: Cloud,
  client: KubeClient,
  bootstrap: string,
): Promise<Finding> {
  const problems: string[] = []
  let count = 0
  for (const declaration of declarations) {
    const declared = await declaration.objects(context, cloud.name)
    if (declared === undefined) {
      // Without phase 1's outputs their content cannot be told; that they are there can.
      const labelSelector = selectorOf(context, declaration.name)
      const lists = await Promise.all(declaration.kinds.map(kind => client.list({ ...kind, labelSelector })))
      if (lists.flat().length === 0) problems.push(`${declaration.title}: none`)
      count += lists.flat().length
      continue
    }
    const states = await Promise.all(
      declared.map(object => compareWithLive(client, mark(context, declaration.name, object))),
    )
    count += states.length
    for (const [index, state] of states.entries()) {
      const object = declared[index]
      if (state.state === 'absent' && object !== undefined)
        problems.push(`${object.kind} ${object.metadata.name}: missing`)
      if (state.state === 'drifted') problems.push(state.why)
    }
  }
  return problems.length === 0 ? pass(`${count} objects`) : fail(problems.join('\n'), [bootstrap])
}

function storageFinding(classes: readonly KubeObject[], bootstrap: string): Finding {
  const defaults = classes
    .filter(object => object.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true')
    .toSorted((a, b) =>
      (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
    )
  const [newest, ...others] = defaults.map(object => object.metadata.name)
  if (newest === undefined) return fail('no StorageClass is the default', [bootstrap])
  if (others.length === 0) return pass(newest)
  return {
    status: 'warn',
    detail: `${defaults.length} defaults; Kubernetes takes the newest, ${newest}, not ${others.join(', ')}`,
    remedy: others.map(
      name =>
        `kubectl annotate storageclass ${name} storageclass.kubernetes.io/is-default-class=false --overwrite`,
    ),
  }
}

function describeRight({ verb, group, resource }: AccessQuestion): string {
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}`
}
