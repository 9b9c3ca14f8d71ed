import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CloudName, RootName } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Progress } from '../../engine/step.ts'
import type { TerraformScope } from '../../tools/terraform/command.ts'
import { initialise } from '../../tools/terraform/terraform.ts'
import { readIfThere, writeWorkspace } from '../../tools/terraform/workspace.ts'
import type { Context } from '../phase.ts'
import { cloudOf } from './cloud-of.ts'

export type RootVariables = JsonObject

/** Where a root's template, the operator's overrides and mlp's working copy lie. */
export function rootFolders(
  context: Pick<Context, 'templates' | 'platformFolder' | 'home'>,
  cloudName: CloudName,
  root: RootName,
) {
  return {
    template: join(context.templates, 'terraform', cloudName, root),
    overrides: join(context.platformFolder, 'overrides', 'terraform', cloudName, root),
    folder: join(context.home, 'terraform', `${cloudName}-${root}`),
  }
}

export function rootVariables(
  context: Pick<Context, 'clouds'>,
  cloudName: CloudName,
  root: RootName,
  foundation: JsonObject | undefined,
): RootVariables {
  return cloudOf(context, cloudName).variables(root, foundation)
}

const quiet: Progress = { report: () => undefined }

/** A root's folder with the template and these values in it, initialised: ready for any terraform command. */
export async function openRoot(
  context: Context,
  cloudName: CloudName,
  root: RootName,
  step: string,
  variables: RootVariables,
  progress: Progress = quiet,
): Promise<TerraformScope> {
  const scope = await terraformScope(context, cloudName, root, step, variables)
  await writeWorkspace(scope.workspace)
  await initialise(scope, progress)
  return scope
}

/** Everything a terraform command needs: binary, folders, backend, values, credentials. */
async function terraformScope(
  context: Context,
  cloudName: CloudName,
  root: RootName,
  step: string,
  variables: RootVariables,
): Promise<TerraformScope> {
  const cloud = cloudOf(context, cloudName)
  const [binary, credentials, cliConfigFile] = await Promise.all([
    context.toolchain.path('terraform', context.signal),
    cloud.terraformEnvironment(root, context.signal),
    writeCliConfig(context),
  ])
  return {
    context,
    binary,
    step,
    cliConfigFile,
    workspace: {
      name: `${cloudName}-${root}`,
      cloud: cloudName,
      ...rootFolders(context, cloudName, root),
      backend: cloud.backend(root),
      variables,
      environment: { ...context.target.environment, ...credentials },
    },
  }
}

/** Providers are downloaded once, not once a root; terraform checks their signatures itself. */
async function writeCliConfig(context: Context): Promise<string> {
  const folder = join(context.home, 'terraform')
  const cache = join(folder, 'providers')
  await mkdir(cache, { recursive: true, mode: 0o700 })
  const file = join(folder, 'terraform.rc')
  const text = `plugin_cache_dir = ${JSON.stringify(cache)}\ndisable_checkpoint = true\n`
  // Other roots' terraforms read it meanwhile.
  if ((await readIfThere(file)) !== text) await writeFile(file, text, { mode: 0o600 })
  return file
}
