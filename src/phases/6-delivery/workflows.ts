import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { configuredClouds, homeCloud } from '../../config/configured-clouds.ts'
import type { Delivery } from '../../config/delivery.ts'
import type { Config } from '../../config/schema.ts'
import type { Context } from '../phase.ts'
import { pinnedActions } from './actions.ts'
import { guideSecrets } from './guide-secrets.ts'
import { variableNames } from './variables.ts'

const folder = '.github/workflows'
/** Whose runs deploy. */
export const deployWorkflow = 'deploy.yml'

/** By path in the repository: what mlp writes there and owns. */
const generated: Readonly<Record<string, string>> = {
  [`${folder}/${deployWorkflow}`]: 'deploy.yml',
  [`${folder}/verify.yml`]: 'verify.yml',
  [`${folder}/plan.yml`]: 'plan.yml',
  '.github/mlp/set-up.sh': 'set-up.sh',
}

/** The pipeline's files by path, as this configuration wants them. */
export async function pipelineFiles(
  { config, templates }: Pick<Context, 'config' | 'templates'>,
  delivery: Delivery,
): Promise<ReadonlyMap<string, string>> {
  const values = valuesOf(config, delivery)
  const files = Object.entries(generated).map(async ([path, template]) => {
    const text = await readFile(join(templates, 'delivery', template), 'utf8')
    return [path, fill(text, values)] as const
  })
  return new Map(await Promise.all(files))
}

function valuesOf(config: Config, delivery: Delivery): Readonly<Record<string, string>> {
  const clouds = configuredClouds(config)
  return {
    ENVIRONMENT: config.environment,
    // A job has only the file, and what was asked for may have come by a flag.
    TARGET: config.target,
    BRANCH: delivery.branch,
    DEPLOY: delivery.environments.deploy,
    READ: delivery.environments.read,
    MLP_REPOSITORY: delivery.mlp ?? '',
    CLOUDS: clouds.join(', '),
    IMAGE_STEPS: clouds.map(cloud => `--step 3.${cloud}.images`).join(' '),
    IDENTITY:
      delivery.credentials === 'keys' ? '' : 'id-token: write # to sign in to the clouds without keys',
    CREDENTIALS: credentialsOf(config, delivery).join('\n'),
    ...Object.fromEntries(
      Object.entries(pinnedActions).map(([name, { use, release }]) => [name, `${use} # ${release}`]),
    ),
  }
}

/** Of every cloud: the record of all machines lies in one of them, whichever a job deploys to. */
function credentialsOf(config: Config, { credentials }: Delivery): readonly string[] {
  const clouds = configuredClouds(config)
  if (credentials === 'keys') {
    const names = clouds.flatMap(cloud => guideSecrets[cloud])
    return names.map(name => `${name}: \${{ secrets.${name} }}`)
  }
  // Where the record lies comes first: it is what a reader looks for.
  const home = homeCloud(config)
  const ordered = [home, ...clouds.filter(cloud => cloud !== home)]
  return ordered.flatMap(cloud => variableNames[cloud]).map(name => `${name}: \${{ vars.${name} }}`)
}

/** Placeholders are `__NAME__`; a comment that is one gives way to lines, as many as there are. */
function fill(text: string, values: Readonly<Record<string, string>>): string {
  const filled = (name: string): string => {
    const value = values[name]
    if (value === undefined) throw new Error(`templates/delivery has a placeholder ${name} that nobody fills`)
    return value
  }
  return text
    .split('\n')
    .flatMap(line => {
      const [, indent = '', name] = /^( *)# __([A-Z_]+)__$/.exec(line) ?? []
      if (name === undefined)
        return [line.replace(/__([A-Z]+(?:_[A-Z]+)*)__/g, (_, key: string) => filled(key))]
      return filled(name)
        .split('\n')
        .filter(each => each !== '')
        .map(each => `${indent}${each}`)
    })
    .join('\n')
}
