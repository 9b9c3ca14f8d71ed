import type { CheckRow } from '../../engine/check.ts'
import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import { runChecks } from '../../engine/run-checks.ts'
import type { EngineContext } from '../../engine/step.ts'
import { createToolchain } from '../../tools/toolchain/create-toolchain.ts'
import { cloudChecks, machineChecks, toolChecks } from '../doctor-checks.ts'
import type { Io } from '../io.ts'
import type { DoctorOptions } from '../options.ts'
import { openPlatform } from '../platform-home.ts'
import { showChecks } from '../show-checks.ts'

/** Whether this machine and these credentials can do what a bootstrap asks of them. Changes nothing. */
export async function runDoctor(options: DoctorOptions, io: Io): Promise<ExitCode> {
  if (options.printPolicy !== undefined) {
    throw new MlpError({
      code: 'MLP1090',
      summary: 'mlp doctor --print-policy is not there yet',
      remedy: ['Until then, templates/terraform names every resource type that needs a permission.'],
      exitCode: exitCodes.usage,
    })
  }
  const { config, folder } = await openPlatform(options, io)
  const context: EngineContext = {
    signal: new AbortController().signal,
    emit: () => {},
    outputs: () => undefined,
  }
  const toolchain = createToolchain({ packageRoot: io.packageRoot, environment: io.env, emit: context.emit })
  const rows: readonly CheckRow[] = await runChecks(
    [
      ...machineChecks(folder),
      ...toolChecks(await toolchain.report(), await toolchain.goVersion()),
      ...(await cloudChecks(config)),
    ],
    context,
  )
  const categoryOf = ({ cloud, id }: CheckRow) =>
    cloud !== 'all' ? 'clouds' : /^0\.all\.(node|disk-space)$/.test(id) ? 'this machine' : 'tools'
  showChecks(rows, { ...options, output: options.quiet ? 'short' : 'full', categoryOf }, io)
  const bad = rows.some(({ status }) => status === 'fail' || status === 'error' || status === 'blocked')
  return bad ? exitCodes.checkFailed : exitCodes.done
}
