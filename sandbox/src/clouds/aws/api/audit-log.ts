import { CloudError } from '../../../behaviour.ts'
import type { AuditEvent, AuditQuery } from '../../../kubernetes/audit-events.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { integer, text, texts } from '../attributes.ts'
import { clusterKey } from '../behaviours/eks-cluster.ts'
import { inRegion } from '../naming.ts'
import { sha256 } from '../sigv4.ts'
import type { ApiScope } from './answer.ts'
import type { Operation } from './operation.ts'

const auditStreams = 'kube-apiserver-audit-'

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html */
export const logEventOperations: Readonly<Record<string, Operation>> = {
  async FilterLogEvents(input, scope) {
    const name = text(input, 'logGroupName') ?? ''
    const group = inRegion(scope.world, 'aws_cloudwatch_log_group', scope.region).find(
      ({ id }) => id === name,
    )
    if (group === undefined)
      throw new CloudError('ResourceNotFoundException', 'The specified log group does not exist.')
    const cluster = /^\/aws\/eks\/(.+)\/cluster$/.exec(name)?.[1]
    const prefix = text(input, 'logStreamNamePrefix')
    if (cluster === undefined || prefix !== auditStreams)
      throw invalid(`the sandbox keeps no streams but ${auditStreams}* of /aws/eks/<cluster>/cluster`)
    const since = Math.max(integer(input, 'startTime') ?? 0, Date.parse(group.createdAt))
    const query = { ...objectOf(input), since, until: integer(input, 'endTime') }
    // AWS answers with what it has found in a second, which is often nothing, and a way to go on.
    const { nextToken: given, ...asked } = input
    const nextToken = sha256(JSON.stringify(asked))
    if (given === undefined) return { events: [], searchedLogStreams: [], nextToken }
    if (given !== nextToken) throw invalid('The specified nextToken is invalid.')
    const events = isSent(cluster, scope)
      ? await scope.world.clusters.auditEvents(clusterKey(cluster), query)
      : []
    return { events: events.map(event => shown(cluster, event)), searchedLogStreams: [] }
  },
}

/** What IAM calls what is asked for. */
export function logEventsOf(input: Attributes, { world, region }: ApiScope): string {
  return `arn:aws:logs:${region}:${world.secrets.awsAccountId}:log-group:${text(input, 'logGroupName')}:log-stream:`
}

function isSent(cluster: string, { world }: ApiScope): boolean {
  const found = world.store.get('aws_eks_cluster', cluster)
  return texts(found?.attributes ?? {}, 'enabled_cluster_log_types').includes('audit')
}

/** One form of https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html: an object by all its names. */
function objectOf(input: Attributes): Pick<AuditQuery, 'resource' | 'namespace' | 'name'> {
  const pattern = text(input, 'filterPattern') ?? ''
  const terms = /^\{ (.+) \}$/.exec(pattern)?.[1]?.split(' && ') ?? []
  const named = Object.fromEntries(
    terms.map(term => {
      const [, field = '', value = ''] = /^\(\$\.objectRef\.(\w+) = "([^"\\]*)"\)$/.exec(term) ?? []
      return [field, value]
    }),
  )
  const { resource, namespace, name, ...rest } = named
  if (resource === undefined || namespace === undefined || name === undefined || Object.keys(rest).length > 0)
    throw invalid(`Invalid filter pattern: the sandbox does not understand ${pattern}`)
  return { resource, namespace, name }
}

function invalid(message: string): CloudError {
  return new CloudError('InvalidParameterException', message)
}

function shown(cluster: string, { line, time, auditID }: AuditEvent): object {
  return {
    logStreamName: `${auditStreams}${sha256(cluster).slice(0, 32)}`,
    timestamp: time,
    message: line,
    ingestionTime: time,
    eventId: sha256(auditID + line).slice(0, 56),
  }
}
