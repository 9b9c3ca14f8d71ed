import { access, copyFile, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { cloudDefaults } from '../../config/defaults.ts'
import { configFileName, parseConfig } from '../../config/load.ts'
import type { ConfigFile } from '../../config/print.ts'
import { printConfig, schemaFileName } from '../../config/print.ts'
import { environmentNames } from '../../config/schema.ts'
import { makeFolder } from '../../engine/atomic-file.ts'
import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import { detect } from '../detect.ts'
import type { Answers } from '../init-answers.ts'
import { answer } from '../init-answers.ts'
import type { Io } from '../io.ts'
import type { InitOptions } from '../options.ts'

/**
 * Writes a platform's folder: mlp.yaml, mlp.lock, overrides/, the editor's schema, .gitignore; and makes it a git
 * repository. @throws MlpError MLP1006 (exit 2) when mlp.yaml is there already: nothing is overwritten.
 */
export async function runInit(options: InitOptions, io: Io): Promise<ExitCode> {
  const folder = resolve(io.cwd, options.folder ?? '.')
  const answers = await answer(options, await detect(folder, io.env), io)
  const file = join(folder, configFileName)
  const text = printConfig(fileOf(answers))
  refuseInvalid(text)
  await refuseExisting(file)
  await makeFolders(folder)
  await copyFile(join(io.packageRoot, schemaFileName), join(folder, schemaFileName))
  await writeUnlessThere(
    join(folder, 'mlp.lock'),
    `${JSON.stringify({ lockVersion: 1, mlp: io.version }, null, 2)}\n`,
  )
  await writeUnlessThere(join(folder, '.gitignore'), '.mlp/\n.terraform/\n*.tfplan\n')
  await writeUnlessThere(join(folder, 'overrides', 'README.md'), overridesText)
  const git = await makeRepository(folder, io.env)
  // Last: an init that was cut short can be run again.
  if (!(await writeUnlessThere(file, text))) throw alreadyThere(file)
  const repeat = repeatCommand(answers, options)
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schemaVersion: 1, folder, file, git, repeat })}\n`)
  } else if (!options.quiet) {
    io.stdout.write(report(answers, folder, io.cwd, git, repeat))
  }
  return exitCodes.done
}

/** Sizes stand under `environments`, where each environment's own can be seen and changed. */
function fileOf({ project, owner, domain, target, clouds }: Answers): ConfigFile {
  // Versions and ranges are the same in every environment.
  const common = (cloud: 'aws' | 'gcp' | 'azure') => {
    const { kubernetesVersion, network } = cloudDefaults('dev')[cloud]
    return { kubernetesVersion, network }
  }
  const sizes = environmentNames.map(environment => {
    const defaults = cloudDefaults(environment)
    const nodes = cloudNamesOf(clouds).map(cloud => [cloud, { nodes: defaults[cloud].nodes }])
    return [environment, { clouds: Object.fromEntries(nodes) }]
  })
  return {
    apiVersion: 'mlp.dev/v1',
    project,
    target,
    owner,
    ...(domain === undefined ? {} : { domain }),
    clouds: {
      ...(clouds.aws === undefined ? {} : { aws: { ...clouds.aws, ...common('aws') } }),
      ...(clouds.gcp === undefined ? {} : { gcp: { ...clouds.gcp, ...common('gcp') } }),
      ...(clouds.azure === undefined ? {} : { azure: { ...clouds.azure, ...common('azure') } }),
    },
    database: { engine: 'postgresql' },
    credentials: 'workload-identity',
    environments: Object.fromEntries(sizes),
  }
}

function cloudNamesOf(clouds: Answers['clouds']): readonly ('aws' | 'gcp' | 'azure')[] {
  return (['aws', 'gcp', 'azure'] as const).filter(cloud => clouds[cloud] !== undefined)
}

const overridesText = `# Overrides

Helm values, kustomize patches, \`*_override.tf\` and extra alert rules that lie here are applied over mlp's own
templates. They count as inputs: a change shows in \`mlp plan\`.
`

/** What is written must be readable: a wrong account id shows here, before anything is on the disk. */
function refuseInvalid(text: string): void {
  try {
    for (const environment of environmentNames) {
      parseConfig(text, { file: configFileName, environment, target: undefined })
    }
  } catch (error) {
    if (!(error instanceof MlpError)) throw error
    throw new MlpError({
      code: 'MLP1008',
      summary: 'nothing was written: mlp.yaml would not be valid with these values',
      detail: error.detail,
      remedy: ['Correct the flag or the answer that gave the value; `mlp init --help` lists all flags.'],
      cause: error,
    })
  }
}

async function refuseExisting(file: string): Promise<void> {
  try {
    await access(file)
  } catch {
    return
  }
  throw alreadyThere(file)
}

function alreadyThere(file: string): MlpError {
  return new MlpError({
    code: 'MLP1006',
    summary: `${file} is there already`,
    detail: 'mlp init overwrites nothing.',
    remedy: ['Change it by hand, or run `mlp init <folder>` to write another.'],
  })
}

async function makeFolders(folder: string): Promise<void> {
  try {
    await makeFolder(join(folder, 'overrides'), 0o777)
    await makeFolder(join(folder, 'schemas'), 0o777)
  } catch (error) {
    throw cannotWrite(folder, error)
  }
}

/** False when it was there, and is left as it is. */
async function writeUnlessThere(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'wx' })
    return true
  } catch (error) {
    if (isAlreadyThere(error)) return false
    throw cannotWrite(file, error)
  }
}

function isAlreadyThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}

function cannotWrite(file: string, error: unknown): MlpError {
  return new MlpError({
    code: 'MLP1007',
    summary: `${file} cannot be written`,
    detail: error instanceof Error ? error.message : String(error),
    remedy: ['Choose a folder you may write to: `mlp init <folder>`.'],
    cause: error,
  })
}

/** 'made' or 'there'; without git the files are written all the same, and the reason is told. */
async function makeRepository(folder: string, environment: Io['env']): Promise<string> {
  const { runCommand } = await import('../../tools/exec.ts')
  const quiet = { signal: new AbortController().signal, emit: () => {}, outputs: () => undefined }
  try {
    const git = (args: readonly string[], acceptExitCodes: readonly number[]) =>
      runCommand(quiet, {
        file: 'git',
        args,
        cwd: folder,
        env: environment,
        acceptExitCodes,
        timeoutMs: 30_000,
      })
    const inside = await git(['rev-parse', '--is-inside-work-tree'], [0, 128])
    if (inside.exitCode === 0) return 'part of the git repository around it'
    await git(['init', '--quiet', '--initial-branch', 'main'], [0])
    return 'a new git repository'
  } catch (error) {
    if (!(error instanceof MlpError)) throw error
    return `no git repository: ${error.message}`
  }
}

/** The same again, without a question. */
function repeatCommand(answers: Answers, options: InitOptions): string {
  const { project, owner, domain, target, clouds } = answers
  const parts = ['mlp init', ...(options.folder === undefined ? [] : [quoted(options.folder)]), '--yes']
  const flags: [string, string | undefined][] = [
    ['--target', target],
    ['--project', project],
    ['--owner', owner],
    ['--domain', domain],
    ['--cloud', cloudNamesOf(clouds).join(',')],
    ['--aws-account', clouds.aws?.accountId],
    ['--aws-region', clouds.aws?.region],
    ['--gcp-project', clouds.gcp?.projectId],
    ['--gcp-region', clouds.gcp?.region],
    ['--azure-subscription', clouds.azure?.subscriptionId],
    ['--azure-location', clouds.azure?.location],
  ]
  for (const [flag, value] of flags) if (value !== undefined) parts.push(`${flag} ${quoted(value)}`)
  return parts.join(' ')
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function report(answers: Answers, folder: string, cwd: string, git: string, repeat: string): string {
  const here = relative(cwd, folder)
  return [
    `Wrote ${join(here, configFileName)}, mlp.lock, .gitignore, ${schemaFileName} and overrides/ (${git}).`,
    '',
    'Next:',
    ...(here === '' ? [] : [`  cd ${quoted(here)}`]),
    answers.target === 'sandbox'
      ? '  mlp bootstrap --yes    # three clouds on this machine, free of charge'
      : '  mlp doctor             # are credentials and tools as they must be?',
    '',
    'The same again, without questions:',
    `  ${repeat}`,
    '',
  ].join('\n')
}
