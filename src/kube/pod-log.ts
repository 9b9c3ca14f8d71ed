import { MlpError } from '../engine/errors.ts'
import type { KubeClient } from './client.ts'
import type { ObjectRef } from './objects.ts'
import type { PodTrouble } from './pod-trouble.ts'

const logLines = 10

/** A pod's: of the container that ended, else of the one that runs; what cannot be had is said. */
export async function lastLines(
  client: KubeClient,
  { namespace = 'default' }: Pick<ObjectRef, 'namespace'>,
  { pod, container }: Pick<PodTrouble, 'pod' | 'container'>,
): Promise<string> {
  const path = (previous: boolean) =>
    `/api/v1/namespaces/${namespace}/pods/${pod}/log?${new URLSearchParams({
      tailLines: String(logLines),
      ...(container === undefined ? {} : { container }),
      ...(previous ? { previous: 'true' } : {}),
    })}`
  try {
    for (const previous of [true, false]) {
      const { status, text } = await client.probe(path(previous))
      if (status === 200 && text.trim() !== '') return `Its last lines:\n${text.trimEnd()}`
    }
    return 'It has written nothing.'
  } catch (error) {
    if (error instanceof MlpError) return `Its log cannot be read: ${error.message}`
    throw error
  }
}
