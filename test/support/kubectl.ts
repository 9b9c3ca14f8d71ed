import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
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

/** What a server-side apply of a folder's files as mlp would change, as `kubectl diff` shows it; empty for nothing. */
export async function kubectlDiff(kubeconfig: string, context: string, folder: string): Promise<string> {
  const args = ['diff', '--server-side', '--field-manager', 'mlp', '-f', folder]
  try {
    const { stdout } = await promisify(execFile)(
      'kubectl',
      ['--kubeconfig', kubeconfig, '--context', context, ...args],
      { timeout: 60_000 },
    )
    return stdout
  } catch (error) {
    // Exit 1 is a difference, anything above it an error.
    const failed = z.object({ code: z.literal(1), stdout: z.string().min(1) }).safeParse(error)
    if (failed.success) return failed.data.stdout
    throw error
  }
}

/** What mlp and the clouds put into a cluster, as `kind/namespace/name`. */
export async function kubectlNames(kubeconfig: string, context: string): Promise<readonly string[]> {
  const kinds =
    'namespaces,nodes,serviceaccounts,configmaps,secrets,storageclasses,services,deployments,poddisruptionbudgets'
  const template = '{range .items[*]}{.kind}{"/"}{.metadata.namespace}{"/"}{.metadata.name}{"\\n"}{end}'
  const { stdout } = await promisify(execFile)(
    'kubectl',
    ['--kubeconfig', kubeconfig, '--context', context, 'get', kinds, '-A', '-o', `jsonpath=${template}`],
    { timeout: 60_000 },
  )
  return stdout.trim().split('\n')
}

/** kubectl's own port-forward, until it is disposed of. */
export async function portForward(
  kubeconfig: string,
  context: string,
  namespace: string,
  target: string,
  port: number,
) {
  const own = ['--kubeconfig', kubeconfig, '--context', context, '--namespace', namespace]
  const child = spawn('kubectl', [...own, 'port-forward', target, `:${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const local = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (local === undefined) continue
    return {
      port: Number(local),
      async [Symbol.asyncDispose]() {
        if (child.exitCode === null && child.kill()) await once(child, 'exit')
      },
    }
  }
  throw new Error(`kubectl port-forward ${target} ended without a port`)
}
