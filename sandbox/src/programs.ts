import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ToolName } from '../../src/tools/toolchain/toolchain.ts'

/** The engine's absolute path in the toolchain's cache. */
export async function findProgram(tool: ToolName): Promise<string> {
  const folder = join(homedir(), '.cache', 'mlp', 'tools', tool)
  const versions = (await readdir(folder)).toSorted()
  const version = versions.at(-1)
  if (version === undefined) throw new Error(`${tool} has not been built`)
  return join(folder, version, tool)
}
