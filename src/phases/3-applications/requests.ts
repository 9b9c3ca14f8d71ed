import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import type { Context } from '../phase.ts'

const requestsSchema = z.record(
  z.string(),
  z.strictObject({ cpu: z.union([z.string(), z.number()]), memory: z.string() }),
)
/** By the container's name. */
export type Requests = z.output<typeof requestsSchema>

/** What containers ask of their nodes in this environment, where it is not what their templates say. */
export async function requestsIn({
  config,
  templates,
}: Pick<Context, 'config' | 'templates'>): Promise<Requests> {
  if (config.environment !== 'dev') return {}
  const path = join(templates, 'kubernetes', 'applications', 'requests-dev.yaml')
  return requestsSchema.parse(parse(await readFile(path, 'utf8')))
}
