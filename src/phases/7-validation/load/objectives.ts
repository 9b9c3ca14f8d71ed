import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../../phase.ts'

export interface Objectives {
  /** Of the requests, from 0 to 1. */
  readonly errorRate: number
  /** Within which 99 % of the answers have to be; 95 %, all the more. */
  readonly latencyMs: number
}

/** The objectives that the alerts go by: said once, in templates/monitoring/rules.yaml. */
export async function readObjectives({ templates }: Pick<Context, 'templates'>): Promise<Objectives> {
  return objectivesIn(await readFile(join(templates, 'monitoring', 'rules.yaml'), 'utf8'))
}

export function objectivesIn(rules: string): Objectives {
  const errors = /mlp:gateway_errors:ratio_rate1h > \(14\.4 \* ([0-9.]+)\)/.exec(rules)?.[1]
  const seconds = /mlp:gateway_slow:ratio_rate1h\n\s+expr: \|-\n[^\0]*?le="([0-9.]+)"/.exec(rules)?.[1]
  if (errors === undefined || seconds === undefined)
    throw new Error(
      'templates/monitoring/rules.yaml does not say the gateway’s objectives where load looks for them',
    )
  return { errorRate: Number(errors), latencyMs: Number(seconds) * 1000 }
}
