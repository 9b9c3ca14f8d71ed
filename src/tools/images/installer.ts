import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { systemErrorCode } from '../../engine/atomic-file.ts'
import { MlpError } from '../../engine/errors.ts'
import { parseJson } from '../../engine/json.ts'
import { processStartedAt } from '../../engine/process-identity.ts'
import { type ExecContext, runCommand } from '../exec.ts'
import { copyInto } from './copy-into.ts'
import type { ImageName, Platform } from './service-images.ts'
import { manifests } from './sources.ts'

const npmTimeoutMs = 900_000
/** Another npm that puts the shared cache right takes an entry away before it brings it again. Asked once more. */
const cacheTrouble = /_cacache|EINTEGRITY/
const cachePauseMs = 2_000
/** Names the npm at work in a scratch folder. */
const installerFile = 'installer.json'
const installerSchema = z.object({ pid: z.int().positive(), startedAt: z.string() })

/**
 * A `kill -9` of mlp leaves npm at work, in a folder that is nobody's any more. It has to end before that folder goes:
 * npm takes a folder that is gone for a damaged package, and throws the package out of the cache that all npms share.
 */
export async function endLeftInstaller(scratch: string): Promise<void> {
  const left = installerSchema.safeParse(
    parseJson(await readFile(join(scratch, installerFile), 'utf8').catch(() => '')),
  )
  if (left.success && processStartedAt(left.data.pid) === left.data.startedAt) kill(-left.data.pid)
  for (const pid of npmsIn(await realpath(scratch).catch(() => scratch))) kill(pid)
}

/** Also those of which mlp was killed before it could write the pid down; none where the system has no /proc. */
function npmsIn(folder: string): readonly number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && isNpmIn(folder, name))
    .map(Number)
}

/** Processes end while they are listed, and those of others are hidden. */
function isNpmIn(folder: string, pid: string): boolean {
  try {
    const isInside = `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`)
    return isInside && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('npm')
  } catch {
    return false
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error
  }
}

/**
 * A service's production dependencies, as the lock file has them, in a folder below `scratch`, which is returned. Throws
 * MLP2201.
 */
export async function installDependencies(
  context: ExecContext,
  name: ImageName,
  platform: Platform,
  packageRoot: string,
  scratch: string,
): Promise<string> {
  const stage = join(scratch, 'stage')
  for (const path of manifests) await copyInto(join(packageRoot, path), join(stage, path))
  const cpu = platform === 'linux/arm64' ? 'arm64' : 'x64'
  const install = () =>
    runCommand(context, {
      file: 'npm',
      args: [
        'ci',
        '--omit=dev',
        // Nobody's code runs at build time; the one native library needs its CPU binary only, which is in its package.
        '--ignore-scripts',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        `--workspace=services/${name}`,
        '--os=linux',
        `--cpu=${cpu}`,
        '--libc=glibc',
      ],
      cwd: stage,
      onStart: pid =>
        writeFileSync(
          join(scratch, installerFile),
          JSON.stringify({ pid, startedAt: processStartedAt(pid) }),
        ),
      env: { ONNXRUNTIME_NODE_INSTALL: 'skip' },
      timeoutMs: npmTimeoutMs,
    })
  try {
    await install().catch(async (error: unknown) => {
      if (!(error instanceof MlpError && cacheTrouble.test(error.detail ?? ''))) throw error
      await delay(cachePauseMs * (1 + Math.random()), undefined, { signal: context.signal })
      await install()
    })
  } catch (error) {
    if (!(error instanceof MlpError) || error.code === 'MLP5130') throw error
    throw new MlpError({
      code: 'MLP2201',
      summary: `The dependencies of ${name} could not be installed`,
      detail: error.detail ?? error.message,
      remedy: [
        'See whether this machine reaches its npm registry: npm ping',
        'Run the same command again: what was fetched is in npm’s cache.',
      ],
      command: error.command,
      cause: error,
    })
  }
  return stage
}
