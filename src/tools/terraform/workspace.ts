import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
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

/**
 * Writes template, overrides and values into the workspace's folder. Files that the template no longer has are
 * removed, import blocks of an earlier run among them; terraform's own (`.terraform`, the lock file, a rescued state) stay.
 */
export async function writeWorkspace(workspace: Workspace): Promise<void> {
  await mkdir(workspace.folder, { recursive: true, mode: 0o700 })
  const sources = [
    ...terraformFiles(workspace.template).map(name => join(workspace.template, name)),
    ...terraformFiles(workspace.overrides).map(name => join(workspace.overrides, name)),
  ]
  const wanted = new Set(sources.map(source => basename(source)))
  for (const name of terraformFiles(workspace.folder)) {
    if (!wanted.has(name)) await rm(join(workspace.folder, name))
  }
  for (const source of sources) {
    await cp(source, join(workspace.folder, basename(source)))
  }
  await writePrivate(
    join(workspace.folder, variablesFile),
    `${JSON.stringify(workspace.variables, null, 2)}\n`,
  )
  await writePrivate(
    join(workspace.folder, backendFile),
    `${JSON.stringify(workspace.backend.config, null, 2)}\n`,
  )
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

async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 })
}
