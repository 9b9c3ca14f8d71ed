import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
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
/** Names the npm at work in a scratch folder. */
const installerFile = 'installer.json'
const installerSchema = z.object({ pid: z.int().positive(), startedAt: z.string() })

/** A `kill -9` of mlp leaves npm at work, in a folder that is nobody's any more. */
export async function endLeftInstaller(scratch: string): Promise<void> {
  const left = installerSchema.safeParse(
    parseJson(await readFile(join(scratch, installerFile), 'utf8').catch(() => '')),
  )
  if (!left.success || processStartedAt(left.data.pid) !== left.data.startedAt) return
  try {
    process.kill(-left.data.pid, 'SIGKILL')
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
  try {
    await runCommand(context, {
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
