import { fileURLToPath } from 'node:url'
import type { ComponentName } from '../../sandbox/src/kubernetes/components.ts'
import { createToolchain } from '../../src/tools/toolchain/create-toolchain.ts'

const toolchain = createToolchain({
  packageRoot: fileURLToPath(new URL('../..', import.meta.url)),
  environment: process.env,
  emit: () => {},
})

/** Absolute path of a control plane's program; built on a machine that has never run mlp. */
export function program(name: ComponentName): Promise<string> {
  return toolchain.path(name)
}
