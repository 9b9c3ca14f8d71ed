import type { Config } from '../../config/schema.ts'
import type { PlatformStep, Rendering } from '../../phases/phase.ts'

export interface ReadmeOptions {
  readonly config: Config
  /** Every step there is, in order; those without files are told too. */
  readonly steps: readonly PlatformStep[]
  readonly renderings: readonly Rendering[]
  /** On the sandbox target: whether its endpoints are known. */
  readonly sandboxRuns: boolean
}

/** What is what in a rendered folder. */
export function renderedReadme({ config, steps, renderings, sandboxRuns }: ReadmeOptions): string {
  const byStep = new Map(renderings.map(rendering => [rendering.step, rendering]))
  const rows = steps.map(({ id, title }) => {
    const rendering = byStep.get(id)
    return rendering === undefined
      ? `| \`${id}\` | ${title} | no files: asks and changes the cloud or this machine through an API | |`
      : `| \`${id}\` | ${title} | \`${placeOf(rendering)}\` | ${rendering.appliedBy} |`
  })
  const unknown = renderings.flatMap(({ step, unknown }) =>
    unknown === undefined ? [] : [`- \`${step}\`: ${unknown}.`],
  )
  return `# ${config.project}, ${config.environment}: what mlp would apply

Written by \`mlp render\` for the target \`${config.target}\`. Nothing here is applied from here: mlp makes the same files for itself when a step runs. There are no secrets in them; credentials reach terraform by its environment, and passwords are made and kept by the clouds. The next \`mlp render\` into this folder replaces the files that this one wrote, and no others.

${targetNote(config, sandboxRuns)}

In each folder under \`terraform/\`, \`mlp.auto.tfvars.json\` holds the values of this platform, \`mlp.backend.json\` where the state lies (\`terraform init -backend-config=mlp.backend.json\`), and all else is mlp's template with your files of \`overrides/\` beside it.

## Steps, in order

| step | what | files | applied by |
|---|---|---|---|
${rows.join('\n')}

## Not known yet

${unknown.length === 0 ? 'Nothing: every value is known.' : unknown.join('\n')}
`
}

function targetNote({ target }: Config, sandboxRuns: boolean): string {
  if (target === 'cloud')
    return 'Accounts and endpoints are those of the real clouds, as mlp.yaml names them.'
  return sandboxRuns
    ? 'Accounts and endpoints are those of the sandbox that runs now: simulated clouds on this machine.'
    : 'The sandbox (simulated clouds on this machine) does not run: its accounts may differ from these, and the backend configuration of terraform lacks its endpoints.'
}

/** The file, or the folder of several. */
function placeOf({ files }: Rendering): string {
  const [first = '', ...others] = files.keys()
  return others.length === 0 ? first : `${first.slice(0, first.lastIndexOf('/'))}/`
}
