import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CloudName, RootName } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { TerraformScope } from '../../tools/terraform/command.ts'
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

/** Everything a terraform command needs: binary, folders, backend, values, credentials. */
export async function terraformScope(
  context: Context,
  cloudName: CloudName,
  root: RootName,
  step: string,
  variables: RootVariables,
): Promise<TerraformScope> {
  const cloud = cloudOf(context, cloudName)
  const [binary, credentials, cliConfigFile] = await Promise.all([
    context.toolchain.path('terraform', context.signal),
    cloud.terraformEnvironment(context.signal),
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
  await writeFile(file, `plugin_cache_dir = ${JSON.stringify(cache)}\ndisable_checkpoint = true\n`, {
    mode: 0o600,
  })
  return file
}
