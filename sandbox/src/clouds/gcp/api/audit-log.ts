import { CloudError } from '../../../behaviour.ts'
import type { AuditEvent } from '../../../kubernetes/audit-events.ts'
import type { World } from '../../../world.ts'
import { integer, text, texts } from '../attributes.ts'
import { clusterType, controlPlaneKey } from '../behaviours/container.ts'
import { requireProject } from '../google.ts'
import type { Route } from './routing.ts'

const activity = 'cloudaudit.googleapis.com%2Factivity'

/** The one form that is understood: equal to all of these, since then, in this order. */
const form =
  /^logName="projects\/([^/"]+)\/logs\/cloudaudit\.googleapis\.com%2Factivity"\nresource\.type="k8s_cluster"\nresource\.labels\.cluster_name="([^"\\]+)"\nresource\.labels\.location="([^"\\]+)"\nprotoPayload\.resourceName="core\/v1\/namespaces\/([^/"\\]+)\/([^/"\\]+)\/([^/"\\]+)"\ntimestamp>="([^"\\]+)"$/

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list; Admin Activity cannot be turned off. */
export const loggingRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v2/entries:list',
    async run({ body, world }) {
      const filter = text(body, 'filter') ?? ''
      const [
        ,
        project = '',
        cluster = '',
        location = '',
        namespace = '',
        resource = '',
        name = '',
        from = '',
      ] = form.exec(filter) ?? []
      const since = Date.parse(from)
      if (Number.isNaN(since)) throw invalid(`Unparseable filter: the sandbox does not understand ${filter}`)
      if (text(body, 'orderBy') !== 'timestamp desc')
        throw invalid('order_by: the sandbox knows "timestamp desc" only')
      requireProject(project, world)
      if (!texts(body, 'resourceNames').includes(`projects/${project}`))
        throw invalid('resource_names must name the project')
      // Google answers with what it has found in a while, which is often nothing, and a way to go on.
      const token = text(body, 'pageToken')
      if (token === undefined) return { nextPageToken: tokenOf(filter) }
      if (token !== tokenOf(filter)) throw invalid('page_token is invalid')
      const place = { project, location, cluster }
      const events = isThere(world, place)
        ? await world.clusters.auditEvents(controlPlaneKey(cluster), { resource, namespace, name, since })
        : []
      const entries = events.toReversed().slice(0, integer(body, 'pageSize') ?? 50)
      return entries.length === 0 ? {} : { entries: entries.map(event => shown(place, event)) }
    },
  },
]

interface Place {
  readonly project: string
  readonly location: string
  readonly cluster: string
}

function isThere(world: World, { project, location, cluster }: Place): boolean {
  return (
    world.store.get(clusterType, `projects/${project}/locations/${location}/clusters/${cluster}`) !==
    undefined
  )
}

const tokenOf = (filter: string) => Buffer.from(filter).toString('base64url')

function invalid(message: string): CloudError {
  return new CloudError('badRequest', message, 400)
}

/** https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging */
function shown({ project, location, cluster }: Place, event: AuditEvent): object {
  const { apiGroup, apiVersion, namespace, resource, name } = event.objectRef
  const resourceName = `${apiGroup}/${apiVersion}/namespaces/${namespace}/${resource}/${name}`
  const permission = `io.k8s.${apiGroup}.${apiVersion}.${resource}.${event.verb}`
  const { code } = event.responseStatus
  return {
    insertId: event.auditID,
    logName: `projects/${project}/logs/${activity}`,
    resource: {
      type: 'k8s_cluster',
      labels: { project_id: project, location, cluster_name: cluster },
    },
    timestamp: event.requestReceivedTimestamp,
    receiveTimestamp: event.stageTimestamp,
    severity: 'NOTICE',
    operation: { id: event.auditID, producer: 'k8s.io', first: true, last: true },
    labels: {
      'authorization.k8s.io/decision': code === 403 ? 'forbid' : 'allow',
    },
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: 'k8s.io',
      methodName: permission,
      resourceName,
      authenticationInfo: { principalEmail: event.user.username },
      authorizationInfo: [{ granted: code !== 403, permission, resource: resourceName }],
      requestMetadata: {
        callerIp: event.sourceIPs[0] ?? '',
        callerSuppliedUserAgent: event.userAgent,
      },
      status: code >= 400 ? { code: code === 403 ? 7 : 13 } : {},
    },
  }
}
