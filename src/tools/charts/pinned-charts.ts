import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

const pinSchema = z.strictObject({
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  /** Of the archive in its official repository. */
  url: z.url(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
const chartsSchema = z.looseObject({
  charts: z.looseObject({ 'kube-prometheus-stack': pinSchema }),
})

export type ChartPin = z.infer<typeof pinSchema>
export type ChartName = 'kube-prometheus-stack'

/** From toolchain/versions.json: a mistake in it is a bug. */
export async function readChartPin(packageRoot: string, chart: ChartName): Promise<ChartPin> {
  const text = await readFile(join(packageRoot, 'toolchain', 'versions.json'), 'utf8')
  return chartsSchema.parse(JSON.parse(text)).charts[chart]
}
