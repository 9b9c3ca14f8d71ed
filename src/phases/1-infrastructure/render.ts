import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CloudName, RootName } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import { workspaceFiles } from '../../tools/terraform/workspace.ts'
import type { RenderContext, Rendering } from '../phase.ts'
import { cloudOf } from './cloud-of.ts'
import { rootFolders, rootVariables } from './root.ts'

/** One terraform root, with the files that its workspace would get. */
export function renderRoot(context: RenderContext, cloudName: CloudName, root: RootName): Rendering {
  const needed = `1.${cloudName}.apply-foundation` as const
  const foundation = root === 'cluster' ? context.outputs(needed) : undefined
  const missing = root === 'cluster' && foundation === undefined
  const placeholder = `(known once ${needed} is done)`
  const variables = rootVariables(
    context,
    cloudName,
    root,
    missing ? placeholders(rootFolders(context, cloudName, 'foundation').template, placeholder) : foundation,
  )
  const backend = cloudOf(context, cloudName).backend(root)
  const files = workspaceFiles({ ...rootFolders(context, cloudName, root), variables, backend })
  const folder = `terraform/${cloudName}-${root}`
  return {
    step: `1.${cloudName}.apply-${root}`,
    appliedBy: `terraform -chdir=${folder} apply`,
    files: new Map([...files].map(([name, text]) => [`${folder}/${name}`, text])),
    ...(missing
      ? { unknown: `the foundation's outputs, which stand as "${placeholder}" in mlp.auto.tfvars.json` }
      : {}),
  }
}

/** Every output that the template declares, with words in the place of its value. */
function placeholders(template: string, placeholder: string): JsonObject {
  const names = readdirSync(template)
    .filter(file => file.endsWith('.tf'))
    .flatMap(file => [...readFileSync(join(template, file), 'utf8').matchAll(/^output "([^"]+)"/gm)])
  return Object.fromEntries(names.map(([, name = '']) => [name, placeholder]))
}
