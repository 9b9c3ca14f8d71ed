import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MlpError } from '../engine/errors.ts'
import { processStartedAt } from '../engine/process-identity.ts'
import { type CommandResult, type ExecContext, runCommand } from './exec.ts'

/** What crane needs of a registry's login. */
interface Login {
  readonly host: string
  readonly username: string
  readonly password: string
}

export interface CraneOptions {
  /** Absolute path of the crane binary. */
  readonly binary: string
  /** HTTPS_PROXY, SSL_CERT_FILE and the like. */
  readonly environment: Readonly<Record<string, string>>
  readonly login?: Login
  readonly step?: string
  readonly cloud?: string
}

/** One registry, signed in. References are `<host>/<repository>[:tag|@digest]`. Throws MLP2202 with what it said. */
export interface Crane {
  /** `sha256:…`, or undefined when there is none of that name. */
  digest(reference: string): Promise<string | undefined>
  /** Pulls one platform's image into an OCI layout. */
  pullLayout(reference: string, folder: string, platform: string): Promise<void>
  /** Blobs that are there are not sent again; pushing twice is pushing once. */
  pushLayout(folder: string, reference: string): Promise<void>
  tag(reference: string, tag: string): Promise<void>
}

const questionTimeoutMs = 60_000
const transferTimeoutMs = 900_000

/**
 * Does `work` with crane signed in. The password is in a file that only this user may read, in a folder that is gone
 * when the work is done, never in arguments or in the operator's own Docker configuration.
 */
export async function withCrane<T>(
  context: ExecContext,
  options: CraneOptions,
  work: (crane: Crane) => Promise<T>,
): Promise<T> {
  await removeLeftFolders()
  const folder = await mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`))
  try {
    await chmod(folder, 0o700)
    const auths =
      options.login === undefined ? {} : { [options.login.host]: { auth: encoded(options.login) } }
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths }), { mode: 0o600 })
    return await work(createCrane(context, options, folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const folderPrefix = 'mlp-registry-'

/** A process that was killed could not remove its own. */
async function removeLeftFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${folderPrefix}(\\d+)-`).exec(name)?.[1]
    if (pid === undefined || processStartedAt(Number(pid)) !== undefined) continue
    // Another user's cannot be removed, and is theirs to remove.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined)
  }
}

function createCrane(context: ExecContext, options: CraneOptions, configuration: string): Crane {
  const { binary, login, step, cloud } = options
  async function run(args: readonly string[], timeoutMs: number): Promise<CommandResult> {
    try {
      return await runCommand(context, {
        file: binary,
        args,
        env: { ...options.environment, DOCKER_CONFIG: configuration },
        secrets: login === undefined ? [] : [login.password, encoded(login)],
        timeoutMs,
        ...(step === undefined ? {} : { step }),
        ...(cloud === undefined ? {} : { cloud }),
      })
    } catch (error) {
      throw refusedBy(error, args, login?.host)
    }
  }
  return {
    async digest(reference) {
      try {
        return (await run(['digest', reference], questionTimeoutMs)).stdout.trim()
      } catch (error) {
        if (error instanceof MlpError && isAbsent(error.detail ?? '')) return undefined
        throw error
      }
    },
    async pullLayout(reference, folder, platform) {
      await run(['pull', '--format', 'oci', '--platform', platform, reference, folder], transferTimeoutMs)
    },
    async pushLayout(folder, reference) {
      await run(['push', folder, reference], transferTimeoutMs)
    },
    async tag(reference, tag) {
      await run(['tag', reference, tag], questionTimeoutMs)
    },
  }
}

function encoded({ username, password }: Login): string {
  return Buffer.from(`${username}:${password}`).toString('base64')
}

/** The codes of the distribution specification for what is not there; ECR says so of the repository, too. */
function isAbsent(said: string): boolean {
  return /MANIFEST_UNKNOWN|NAME_UNKNOWN|404 Not Found|NOT_FOUND/.test(said)
}

function refusedBy(error: unknown, args: readonly string[], host: string | undefined): unknown {
  if (!(error instanceof MlpError) || (error.code !== 'MLP2002' && error.code !== 'MLP2003')) return error
  const said = error.detail ?? ''
  const denied = /UNAUTHORIZED|DENIED|401 |403 /.test(said)
  return new MlpError({
    code: 'MLP2202',
    summary: `The registry ${host ?? ''} refused \`crane ${args[0] ?? ''}\``.replace('  ', ' '),
    detail: said,
    remedy: denied
      ? [
          'Whoever runs mlp needs the right to push to this registry (ecr:PutImage and the layer uploads, roles/artifactregistry.writer, AcrPush): `mlp doctor`.',
          'Run the same command again: logins are short-lived, and what was sent is kept.',
        ]
      : ['Run the same command again: what was sent is kept.'],
    command: error.command,
    cause: error,
  })
}
