import type { FilteredLogEvent } from '@aws-sdk/client-cloudwatch-logs'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { AuditEntry, AuditedObject, AuditLog, AuditLogState } from '../audit-log.ts'
import { type AwsPlatform, ask, find } from './platform.ts'

const streams = 'kube-apiserver-audit-'
const minuteMs = 60_000
/** AWS tells the oldest first, and reads through all that was logged in a span: short ones that end now come first. */
const spansMs = [15 * minuteMs, 2 * 60 * minuteMs]

/** A line of the API server's own: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
const lineSchema = z.object({
  requestReceivedTimestamp: z.string(),
  verb: z.string(),
  user: z.object({ username: z.string().default('') }),
  userAgent: z.string().default(''),
})

/** https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html */
export function auditLog(platform: AwsPlatform): AuditLog {
  const group = platform.names.logGroups.cluster
  return {
    place: `CloudWatch log group ${group}`,
    command: `aws logs tail ${group} --log-stream-name-prefix ${streams} --region ${platform.aws.region}`,
    state: signal => state(platform, signal),
    newest: (object, since, signal) => newest(platform, object, since, signal),
  }
}

async function state({ clients, names }: AwsPlatform, abortSignal: AbortSignal): Promise<AuditLogState> {
  const [{ DescribeClusterCommand }, { DescribeLogGroupsCommand }] = await Promise.all([
    import('@aws-sdk/client-eks'),
    import('@aws-sdk/client-cloudwatch-logs'),
  ])
  const eks = await clients.eks()
  const described = await find('describing the cluster', () =>
    eks.send(new DescribeClusterCommand({ name: names.cluster }), { abortSignal }),
  )
  if (described?.cluster === undefined) return { kept: false, problem: 'there is no cluster' }
  const types = (described.cluster.logging?.clusterLogging ?? []).flatMap(one =>
    one.enabled === true ? (one.types ?? []) : [],
  )
  if (!types.includes('audit'))
    return { kept: false, problem: `cluster ${names.cluster} does not send its log of type audit` }
  const logs = await clients.logs()
  const name = names.logGroups.cluster
  const answer = await ask('describing the log group of the control plane', () =>
    logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name }), { abortSignal }),
  )
  const group = answer.logGroups?.find(one => one.logGroupName === name)
  if (group === undefined) return { kept: false, problem: `there is no log group ${name}` }
  return {
    kept: true,
    ...(group.retentionInDays === undefined ? {} : { retentionDays: group.retentionInDays }),
  }
}

async function newest(
  platform: AwsPlatform,
  object: AuditedObject,
  since: Date,
  signal: AbortSignal,
): Promise<AuditEntry | undefined> {
  const now = Date.now()
  let until: number | undefined
  for (const from of [...spansMs.map(ms => now - ms), since.getTime()]) {
    const start = Math.max(from, since.getTime())
    const found = await lastEvent(platform, object, start, until, signal)
    if (found !== undefined) return found
    if (start === since.getTime()) return undefined
    until = start
  }
  return undefined
}

/** A page may be empty and yet not the last. */
async function lastEvent(
  { clients, names }: AwsPlatform,
  object: AuditedObject,
  startTime: number,
  endTime: number | undefined,
  abortSignal: AbortSignal,
): Promise<AuditEntry | undefined> {
  const { FilterLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs')
  const logs = await clients.logs()
  let last: FilteredLogEvent | undefined
  let nextToken: string | undefined
  do {
    const page = await find('reading the audit log (logs:FilterLogEvents)', () =>
      logs.send(
        new FilterLogEventsCommand({
          logGroupName: names.logGroups.cluster,
          logStreamNamePrefix: streams,
          filterPattern: patternOf(object),
          startTime,
          ...(endTime === undefined ? {} : { endTime }),
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
        { abortSignal },
      ),
    )
    for (const event of page?.events ?? [])
      if (last === undefined || (event.timestamp ?? 0) >= (last.timestamp ?? 0)) last = event
    nextToken = page?.nextToken
  } while (nextToken !== undefined)
  return last?.message === undefined ? undefined : await entryOf(last.message)
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html */
function patternOf({ resource, namespace, name }: AuditedObject): string {
  const is = (field: string, value: string) => `($.objectRef.${field} = ${JSON.stringify(value)})`
  return `{ ${is('resource', resource)} && ${is('namespace', namespace)} && ${is('name', name)} }`
}

async function entryOf(message: string): Promise<AuditEntry> {
  const line = await ask('reading an entry of the audit log', async () =>
    lineSchema.parse(parseJson(message)),
  )
  return {
    at: line.requestReceivedTimestamp,
    by: line.user.username,
    verb: line.verb,
    userAgent: line.userAgent,
  }
}
