import type { MlpError } from '../engine/errors.ts'
import { parseJson } from '../engine/json.ts'
import { type ClusterLabel, refused } from './errors.ts'
import { type KubeStatus, statusSchema } from './objects.ts'
import type { HttpAnswer } from './transport.ts'

/** The API server's own words of an answer that is none of success. */
export function statusOf(answer: HttpAnswer): KubeStatus {
  const parsed = statusSchema.safeParse(parseJson(answer.text))
  return parsed.success ? parsed.data : { kind: 'Status', message: answer.text.slice(0, 500), reason: '' }
}

/** MLP40xx for what the API server has refused. */
export function refusedBy(label: ClusterLabel, action: string, answer: HttpAnswer): MlpError {
  return refused(label, action, answer.status, statusOf(answer))
}
