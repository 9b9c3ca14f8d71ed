import { stringify } from 'yaml'
import type { CloudName } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeObject } from '../../kube/objects.ts'
import type { RenderContext, Rendering } from '../phase.ts'
import { contentKey, type Declaration } from './declarations.ts'
import { mark } from './marks.ts'

/** The objects of each declaration, marked as they are applied. */
export async function renderDeclarations(
  context: RenderContext,
  cloud: CloudName,
  declarations: readonly Declaration[],
): Promise<readonly Rendering[]> {
  return await Promise.all(
    declarations.map((declaration, index) => renderObjects(context, cloud, declaration, index + 1)),
  )
}

async function renderObjects(
  context: RenderContext,
  cloudName: CloudName,
  declaration: Declaration,
  position: number,
): Promise<Rendering> {
  const missing = new Set<StepId>()
  const objects = await declaration.objects(
    {
      ...context,
      clouds: withoutSecrets(context.clouds),
      outputs(step) {
        const outputs = context.outputs(step)
        if (outputs === undefined) missing.add(step)
        return outputs ?? {}
      },
    },
    cloudName,
  )
  const kubeContext = contextName(cloudName, context.config)
  const text = (objects ?? [])
    .map(object => documentOf(mark(context, declaration.name, object)))
    .join('---\n')
  const unknown =
    missing.size === 0
      ? undefined
      : `the outputs of ${[...missing].join(' and ')}; what is taken from them is left out`
  return {
    step: `${declaration.phase}.${cloudName}.${declaration.name}`,
    appliedBy: `server-side apply to the context ${kubeContext}, field manager mlp`,
    files: new Map([
      [
        `kubernetes/${kubeContext}/${declaration.phase}${position}-${declaration.name}.yaml`,
        unknown === undefined ? text : `# Not known yet: ${unknown}.\n${text}`,
      ],
    ]),
    ...(unknown === undefined ? {} : { unknown }),
  }
}

/** Asked for long-lived credentials, these clouds have none to tell. */
function withoutSecrets(clouds: RenderContext['clouds']): RenderContext['clouds'] {
  return new Map(
    [...clouds].map(([name, cloud]) => [name, { ...cloud, staticCredentials: async () => ({}) }]),
  )
}

function documentOf(object: KubeObject): string {
  if (object.kind !== 'Secret') return stringify(object, { lineWidth: 0 })
  const { data: _data, ...shown } = object
  const { [contentKey]: _hash, ...annotations } = object.metadata.annotations ?? {}
  const text = stringify({ ...shown, metadata: { ...object.metadata, annotations } }, { lineWidth: 0 })
  return `# Its data, and a hash of it, are put in when it is applied, and never written to a file.\n${text}`
}
