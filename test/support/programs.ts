import { fileURLToPath } from 'node:url'
import { createToolchain } from '../../src/tools/toolchain/create-toolchain.ts'
import type { ToolName } from '../../src/tools/toolchain/toolchain.ts'

const toolchain = createToolchain({
  packageRoot: fileURLToPath(new URL('../..', import.meta.url)),
  environment: process.env,
  emit: () => {},
})

/** Absolute path of a program of the pinned version; built on a machine that has never run mlp. */
export function program(name: ToolName): Promise<string> {
  return toolchain.path(name)
}

export function isObtainable(name: ToolName): Promise<boolean> {
  return toolchain.isObtainable(name)
}
