import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import * as z from 'zod'

const list = z.object({
  items: z.array(
    z.looseObject({ metadata: z.object({ name: z.string(), namespace: z.string().optional() }) }),
  ),
})

/** The real kubectl with a kubeconfig that mlp wrote; throws with kubectl's own message. */
export async function kubectlJson(kubeconfig: string, context: string, args: readonly string[]) {
  const { stdout } = await promisify(execFile)(
    'kubectl',
    ['--kubeconfig', kubeconfig, '--context', context, ...args, '-o', 'json'],
    { timeout: 60_000 },
  )
  return list.parse(JSON.parse(stdout))
}
