import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TerraformBackend } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import { isMissing } from './missing.ts'

/** One terraform root as mlp runs it: a private copy of the template with this platform's values beside it. */
export interface Workspace {
  /** `aws-foundation` */
  readonly name: string
  readonly cloud: string
  /** Absolute; belongs to mlp alone. */
  readonly folder: string
  /** Absolute folder of the template's .tf files. */
  readonly template: string
  /** Absolute folder of the operator's `*_override.tf` files for this root; need not exist. */
  readonly overrides: string
  readonly backend: TerraformBackend
  readonly variables: JsonObject
  /** Credentials, endpoints and settings for terraform; values may be secret. */
  readonly environment: Readonly<Record<string, string>>
}

export const planFile = 'mlp.tfplan'
const variablesFile = 'mlp.auto.tfvars.json'
export const backendFile = 'mlp.backend.json'
export const adoptionFile = 'mlp_adopt.tf.json'

/** Everything of a workspace but where it lies and who runs it, by file name. */
export function workspaceFiles(
  workspace: Pick<Workspace, 'template' | 'overrides' | 'backend' | 'variables'>,
): ReadonlyMap<string, string> {
  const { template, overrides, backend, variables } = workspace
  const copied = [template, overrides].flatMap(folder =>
    terraformFiles(folder).map(name => [name, readFileSync(join(folder, name), 'utf8')] as const),
  )
  return new Map([
    ...copied,
    [variablesFile, `${JSON.stringify(variables, null, 2)}\n`],
    [backendFile, `${JSON.stringify(backend.config, null, 2)}\n`],
  ])
}

/**
 * Writes template, overrides and values into the workspace's folder. Files that the template no longer has are
 * removed, import blocks of an earlier run among them; terraform's own (`.terraform`, the lock file, a rescued state) stay.
 */
export async function writeWorkspace(workspace: Workspace): Promise<void> {
  const files = workspaceFiles(workspace)
  await mkdir(workspace.folder, { recursive: true, mode: 0o700 })
  for (const name of terraformFiles(workspace.folder)) {
    if (!files.has(name)) await rm(join(workspace.folder, name))
  }
  for (const [name, text] of files) {
    const file = join(workspace.folder, name)
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) await writeFile(file, text, { mode: 0o600 })
  }
}

/** The values that the workspace was last given; undefined when it was given none, or they cannot be read. */
export async function lastVariables(folder: string): Promise<unknown> {
  const text = await readIfThere(join(folder, variablesFile))
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Changes when the template or the operator's overrides change; part of the step's inputs. */
export function templateHash(folders: readonly string[]): string {
  const hash = createHash('sha256')
  for (const folder of folders) {
    for (const name of terraformFiles(folder)) {
      hash
        .update(name)
        .update('\0')
        .update(readFileSync(join(folder, name)))
        .update('\0')
    }
  }
  return hash.digest('hex')
}

function terraformFiles(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder)
    return names.filter(name => name.endsWith('.tf') || name.endsWith('.tf.json')).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}
