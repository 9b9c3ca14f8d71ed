import { access, mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MlpError } from '../../engine/errors.ts'
import { type ExecContext, runCommand } from '../exec.ts'
import { completeModule } from './incomplete-module.ts'
import type { Build } from './versions.ts'

export interface GoBuildOptions {
  /** The folder that holds one module a build: `<package>/toolchain/go`. */
  readonly modules: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly context: ExecContext
  readonly onProgress: (message: string, fraction?: number) => void
}

/** Go 1.21 was the first to fetch the Go that a module asks for. */
const oldestGo = [1, 21] as const
const goNeeded = '1.26'
const saidLines = 10

/**
 * Builds a pinned Go program: stripped, without paths or times of this machine in it, its modules checked against
 * go.sum. Throws MlpError MLP2011 when there is no Go or it is too old, MLP2014 when the build fails.
 */
export async function goBuild(
  build: Build,
  version: string,
  file: string,
  options: GoBuildOptions,
): Promise<void> {
  let folder = join(options.modules, build.module)
  // A broken package, not something a person does: let it surface as the bug it is.
  await access(join(folder, 'go.sum'))
  const environment = {
    ...options.environment,
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=readonly',
    GOWORK: 'off',
    // Ours to build, for this machine, whatever the user is cross-compiling just now.
    GOOS: undefined,
    GOARCH: undefined,
  }
  const go = async (args: readonly string[], onLine?: (line: string) => void) =>
    await runCommand(options.context, {
      file: 'go',
      args,
      cwd: folder,
      env: environment,
      ...(onLine === undefined ? {} : { onLine }),
    })
  /** What the compiler says; a hundred packages that are named after it would hide that. */
  const said: string[] = []
  const scratch = await mkdtemp(`${file}-`)
  try {
    requireGo((await go(['env', 'GOVERSION'])).stdout.trim())
    options.onProgress('fetching its Go modules')
    if (build.incomplete !== undefined) folder = await completeModule(build.incomplete, folder, scratch, go)
    const tags = build.tags === undefined ? [] : ['-tags', build.tags.join(',')]
    const packages = (await go(['list', ...tags, '-deps', build.package])).stdout.split('\n').length - 1
    let compiled = 0
    const stamps = Object.entries(build.stamp).map(
      ([name, value]) => `-X ${name}=${value.replaceAll('{version}', version)}`,
    )
    const flags = [
      ...tags,
      '-v',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      ['-s', '-w', '-buildid=', ...stamps].join(' '),
    ]
    await go(['build', ...flags, '-o', file, build.package], line => {
      if (!isPackage(line)) {
        said.push(line)
        return
      }
      compiled++
      options.onProgress(`compiling, ${compiled} of ${packages} packages`, Math.min(compiled / packages, 1))
    })
  } catch (error) {
    throw goFailure(error, build, dirname(file), said)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** `go build -v` prints one import path a line, and all else it says has blanks in it. */
export function isPackage(line: string): boolean {
  return /^[\w.~/-]+$/.test(line)
}

function requireGo(version: string): void {
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? []
  const tooOld = Number(major) < oldestGo[0] || (Number(major) === oldestGo[0] && Number(minor) < oldestGo[1])
  if (tooOld) throw goMissing(`Go here is ${version}.`)
}

function goMissing(detail: string, cause?: unknown): MlpError {
  return new MlpError({
    code: 'MLP2011',
    summary: `Go ${goNeeded} or newer is needed to build this tool`,
    detail,
    remedy: [
      `Install Go ${goNeeded} or newer (https://go.dev/doc/install) and run the same command again.`,
      'Or install the tool itself and put it on PATH; `mlp doctor` says which version.',
    ],
    cause,
  })
}

function goFailure(error: unknown, build: Build, folder: string, said: readonly string[]): unknown {
  if (!(error instanceof MlpError)) return error
  if (error.code === 'MLP2001') return goMissing('There is no go on PATH.', error)
  if (error.code !== 'MLP2002' && error.code !== 'MLP2004') return error
  const detail = said.length > 0 ? said.slice(-saidLines).join('\n') : (error.detail ?? '')
  if (/requires go >= |toolchain not available|invalid go version/.test(detail))
    return goMissing(detail, error)
  const offline = /dial tcp|no such host|connection refused|i\/o timeout|TLS handshake|proxyconnect/.test(
    detail,
  )
  return new MlpError({
    code: 'MLP2014',
    summary: `${build.package} could not be built`,
    detail,
    remedy: [
      ...(offline
        ? ['Go cannot reach its module proxy: see `go env GOPROXY`, and this machine’s network.']
        : [`See how much room and memory there is: df -h ${folder}`]),
      'Run the same command again: what is compiled is kept.',
    ],
    command: error.command,
    cause: error,
  })
}
