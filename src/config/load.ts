import { lstat, readFile } from 'node:fs/promises'
import { MlpError } from '../engine/errors.ts'
import { defaultSandboxConfig } from './defaults.ts'
import type { Mistake } from './mistakes.ts'
import { mistakesOf, show } from './mistakes.ts'
import { isMapping, resolve } from './resolve.ts'
import { brokenRules, isPlaceholder } from './rules.ts'
import type { Config, EnvironmentName } from './schema.ts'
import { apiVersion, configSchema, environmentNames, fileSchema } from './schema.ts'
import type { Path, Position, Source } from './source.ts'
import { readYaml } from './source.ts'

export const configFileName = 'mlp.yaml'

export interface LoadOptions {
  /** From --config; undefined: `mlp.yaml` in `folder`, which may be missing for the sandbox. */
  readonly file: string | undefined
  /** From --env; undefined: what the file says, else dev. */
  readonly environment: EnvironmentName | undefined
  /** From --target; undefined: what the file says, else sandbox. */
  readonly target: 'sandbox' | 'cloud' | undefined
}

/**
 * Reads and validates mlp.yaml. All mistakes are reported at once, each with its line and column. Without a file,
 * and unless the cloud target was asked for, it is the sandbox's default.
 * @throws MlpError MLP1001 to MLP1005, exit code 2.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const file = options.file ?? configFileName
  if (options.file === undefined && options.target !== 'cloud' && !(await exists(file))) {
    return defaultSandboxConfig(options.environment)
  }
  return parseConfig(await readText(file), { ...options, file })
}

/** The same for a text that was read already; `file` is only for messages. */
export function parseConfig(text: string, options: LoadOptions & { readonly file: string }): Config {
  const { file } = options
  const source = readYaml(text)
  if ('mistakes' in source) {
    throw new MlpError({
      code: 'MLP1003',
      summary: `${file} is not valid YAML`,
      detail: source.mistakes
        .map(({ position, message }) => `${place(file, position)}  ${message}`)
        .join('\n'),
      remedy: ['Correct the lines above; an editor that knows YAML shows them too.'],
    })
  }
  const { data } = source
  if (data === null || data === undefined) throw emptyFile(file)
  refuseOtherVersions(data, source, file)
  const mapping = isMapping(data) ? data : {}
  const environment = options.environment ?? environmentOf(mapping)
  const resolved = resolve(mapping, { environment, target: options.target })
  const result = configSchema.safeParse(resolved)
  const lines = describe(source, file, [
    { mistakes: placeholders(source), under: [] },
    { mistakes: issues(fileSchema, data), under: [] },
    { mistakes: isMapping(data) ? issues(configSchema, resolved) : [], under: ['environments', environment] },
    { mistakes: isMapping(data) ? brokenRules(resolved) : [], under: ['environments', environment] },
  ])
  if (lines.length === 0 && result.success) return result.data
  throw new MlpError({
    code: 'MLP1004',
    summary: `${file} has ${lines.length === 1 ? 'a mistake' : `${lines.length} mistakes`} (environment ${environment})`,
    detail: lines.join('\n'),
    remedy: [`Correct ${lines.length === 1 ? 'it' : 'them'} in ${file} and run the command again.`],
  })
}

/** What a schema finds wrong with the data. */
function issues(schema: typeof fileSchema | typeof configSchema, data: unknown): Mistake[] {
  const result = schema.safeParse(data)
  return result.success ? [] : mistakesOf(result.error, schema, data)
}

/** One pass over the configuration. */
interface Findings {
  readonly mistakes: readonly Mistake[]
  /** Where a value may also stand, and is looked for first: the chosen environment's overlay. */
  readonly under: Path
}

/** One line a mistake, in the file's order. What an earlier pass said about a value is not said again. */
function describe(source: Source, file: string, passes: readonly Findings[]): string[] {
  const reported = new Set<string>()
  const lines = new Map<string, Position>()
  for (const { mistakes, under } of passes) {
    const written = mistakes
      .map(mistake => ({ ...mistake, path: writtenPath(source, mistake.path, under) }))
      .filter(({ path }) => !path.some((_, index) => reported.has(path.slice(0, index + 1).join('.'))))
    for (const { path, atKey, found: value, allowed } of written) {
      const found =
        under.length > 0 && value !== show(undefined) && !source.has(path) ? `${value} (the default)` : value
      const position = atKey ? source.locateKey(path) : source.locate(path)
      lines.set(
        `${place(file, position)}  ${path.join('.') || 'the file'}: found ${found}; allowed: ${allowed}`,
        position,
      )
    }
    for (const { path } of written) reported.add(path.join('.'))
  }
  return [...lines].sort(([, a], [, b]) => a.line - b.line || a.column - b.column).map(([line]) => line)
}

function writtenPath(source: Source, path: Path, under: Path): Path {
  const overlay = [...under, ...path]
  return under.length > 0 && source.has(overlay) ? overlay : path
}

function placeholders(source: Source): Mistake[] {
  return source
    .texts()
    .filter(({ text }) => isPlaceholder(text))
    .map(({ path, text }) => ({
      path,
      atKey: false,
      found: `${show(text)}, a placeholder`,
      allowed: 'the real value',
    }))
}

function place(file: string, { line, column }: Position): string {
  return `${file}:${line}:${column}`
}

function environmentOf(file: Readonly<Record<string, unknown>>): EnvironmentName {
  return environmentNames.find(name => name === file['environment']) ?? 'dev'
}

function refuseOtherVersions(data: unknown, source: Source, file: string): void {
  const version = isMapping(data) ? data['apiVersion'] : undefined
  const number = typeof version === 'string' ? /^mlp\.dev\/v([2-9]|[1-9]\d+)$/.exec(version)?.[1] : undefined
  if (number === undefined) return
  throw new MlpError({
    code: 'MLP1005',
    summary: `${file} was written for a newer mlp`,
    detail: `${place(file, source.locate(['apiVersion']))}  apiVersion: found ${version}; this mlp knows ${apiVersion}`,
    remedy: [
      'Update mlp to the version that mlp.lock names.',
      `Or write the file in the format of ${apiVersion}.`,
    ],
  })
}

function emptyFile(file: string): MlpError {
  return new MlpError({
    code: 'MLP1002',
    summary: `${file} is empty`,
    remedy: [
      'Run `mlp init` in another folder and take its mlp.yaml.',
      `Or remove ${file}: without it, mlp builds the sandbox.`,
    ],
  })
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new MlpError({
      code: 'MLP1001',
      summary: `${file} cannot be read`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: ['Name the file by --config FILE.', 'Or run `mlp init` to write one.'],
      cause: error,
    })
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    // Of a link, not of what it points to: one that dangles is a mistake to tell, not an empty folder.
    await lstat(file)
    return true
  } catch (error) {
    // Anything but "not there" (no permission, for one) is for reading to report.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
}
