import { dirname } from 'node:path'
import type { ActionCall } from './action.ts'

/** https://github.com/actions/setup-node: there is one Node here, the sandbox's own; another wish is said, not met. */
export async function setupNode({ inputs, runtime, addPath, setOutput }: ActionCall): Promise<void> {
  const wanted = inputs['node-version'] ?? ''
  const major = /^v?(\d+)/.exec(wanted)?.[1]
  if (major !== undefined && major !== process.versions.node.split('.')[0]) {
    const message = `Node ${wanted} was asked for; the sandbox's runner has ${process.versions.node} only.`
    runtime.log.write(`##[warning]${message}`)
    runtime.annotate('warning', message, null)
  }
  addPath(dirname(process.execPath))
  setOutput('node-version', `v${process.versions.node}`)
  setOutput('cache-hit', 'false')
}
