import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, type ServiceProcess, startProcess } from '@mlp/service-kit/testing'
import * as z from 'zod'
import { jobSchema, objectSchema, runSchema } from '../../src/api/schemas.ts'
import type { Emulators } from './emulators.ts'

type RunJson = z.output<typeof runSchema>

/** The service as a process, as it is deployed, and its API. */
export interface Service extends AsyncDisposable {
  readonly process: ServiceProcess
  call(path: string, init?: RequestInit): Promise<Response>
  makeJob(spec: object): Promise<z.output<typeof jobSchema>>
  startRun(jobId: string, body?: object): Promise<RunJson>
  run(id: string): Promise<RunJson>
  /** Waits until the run is over. */
  ended(id: string, timeoutMs?: number): Promise<RunJson>
  objects(runId: string): Promise<readonly z.output<typeof objectSchema>[]>
}

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export async function startService(
  emulators: Emulators,
  settings: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const process = await startProcess(main, {
    ...emulators.environment,
    LOG_LEVEL: 'info',
    DATABASE_URL: `sqlite:${join(emulators.folder, 'data-sync.db')}`,
    LEASE_TTL_MS: '1500',
    POLL_INTERVAL_MS: '100',
    ...settings,
  })
  const call = (path: string, init?: RequestInit) => fetch(`${process.url}${path}`, init)
  const json = async <T>(schema: z.ZodType<T>, path: string, init?: RequestInit): Promise<T> => {
    const response = await call(path, init)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return schema.parse(await response.json())
  }
  const post = (body: object): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const run = (id: string) => json(runSchema, `/v1/runs/${id}`)
  return {
    process,
    call,
    makeJob: spec => json(jobSchema, '/v1/jobs', post(spec)),
    startRun: (jobId, body = {}) => json(runSchema, `/v1/jobs/${jobId}/runs`, post(body)),
    run,
    async ended(id, timeoutMs = 60_000) {
      let current = await run(id)
      const isOver = async () => {
        current = await run(id)
        return current.finishedAt !== undefined
      }
      await eventually(`run ${id} to end`, isOver, timeoutMs)
      return current
    },
    async objects(runId) {
      const page = z.object({ objects: z.array(objectSchema) })
      return (await json(page, `/v1/runs/${runId}/objects?limit=1000`)).objects
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  }
}
