import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

export const auditLogFile = 'audit.log'

export interface AuditQuery {
  readonly resource: string
  readonly namespace: string
  readonly name: string
  /** Milliseconds since 1970, both inclusive. */
  readonly since: number
  readonly until?: number | undefined
}

/** https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
const eventSchema = z.looseObject({
  auditID: z.string(),
  stage: z.string(),
  requestURI: z.string(),
  requestReceivedTimestamp: z.string(),
  stageTimestamp: z.string(),
  verb: z.string(),
  user: z.looseObject({ username: z.string().default('') }),
  sourceIPs: z.array(z.string()).default([]),
  userAgent: z.string().default(''),
  objectRef: z.looseObject({
    resource: z.string().default(''),
    namespace: z.string().default(''),
    name: z.string().default(''),
    apiGroup: z.string().default('core'),
    apiVersion: z.string().default('v1'),
  }),
  responseStatus: z.looseObject({ code: z.int().default(0) }).prefault({}),
})

export interface AuditEvent extends z.infer<typeof eventSchema> {
  /** As the API server wrote it. */
  readonly line: string
  /** Milliseconds since 1970. */
  readonly time: number
}

/** What an API server wrote about an object, the oldest first. */
export async function readAuditEvents(logs: string, query: AuditQuery): Promise<readonly AuditEvent[]> {
  const lines: string[] = []
  // Most lines are about other things, and a log has megabytes of them.
  const named = JSON.stringify(query.name)
  for (const file of await logFiles(logs))
    for (const line of (await readFile(join(logs, file), 'utf8')).split('\n'))
      if (line.includes(named)) lines.push(line)
  return lines
    .flatMap(eventsIn)
    .filter(
      ({ objectRef, time }) =>
        objectRef.resource === query.resource &&
        objectRef.namespace === query.namespace &&
        objectRef.name === query.name &&
        time >= query.since &&
        time <= (query.until ?? Number.POSITIVE_INFINITY),
    )
    .sort((one, other) => one.time - other.time)
}

/** The API server moves a full log aside, to `audit-<time>.log`. */
async function logFiles(logs: string): Promise<readonly string[]> {
  const names = await readdir(logs).catch(() => [])
  return names.filter(name => /^audit(-.+)?\.log$/.test(name))
}

/** The last line may be half written. */
function eventsIn(line: string): readonly AuditEvent[] {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return []
  }
  const event = eventSchema.safeParse(value)
  return event.success ? [{ ...event.data, line, time: Date.parse(event.data.stageTimestamp) }] : []
}
