import type { Config } from '../../config/schema.ts'
import type { CheckRow } from '../../engine/check.ts'
import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes } from '../../engine/errors.ts'
import { runChecks } from '../../engine/run-checks.ts'
import type { EngineContext } from '../../engine/step.ts'
import { createToolchain } from '../../tools/toolchain/create-toolchain.ts'
import { cloudChecks, machineChecks, toolChecks } from '../doctor-checks.ts'
import type { Io } from '../io.ts'
import type { DoctorOptions } from '../options.ts'
import { openPlatform } from '../platform-home.ts'
import { printPolicy } from '../print-policy.ts'
import { showChecks } from '../show-checks.ts'
import { resolveTarget, sandboxHome, withAccounts } from '../target.ts'

/** Whether this machine and these credentials can do what a bootstrap asks of them. Changes nothing. */
export async function runDoctor(options: DoctorOptions, io: Io): Promise<ExitCode> {
  if (options.printPolicy !== undefined) {
    await printPolicy(options.printPolicy, options, io)
    return exitCodes.done
  }
  const { config: wanted, folder } = await openPlatform(options, io)
  const context: EngineContext = {
    signal: new AbortController().signal,
    emit: () => {},
    outputs: () => undefined,
  }
  const toolchain = createToolchain({ packageRoot: io.packageRoot, environment: io.env, emit: context.emit })
  const target = await targetToAsk(wanted, folder, io, context.signal)
  const clouds = target === undefined ? [] : await cloudChecks(withAccounts(wanted, target), target)
  const tools = toolChecks(await toolchain.report(), await toolchain.goVersion())
  const rows: readonly CheckRow[] = await runChecks(
    [...machineChecks(folder, wanted.target, io.env['PATH']), ...tools, ...clouds],
    context,
  )
  const categoryOf = ({ cloud, id }: CheckRow) =>
    cloud !== 'all' ? 'clouds' : /^0\.all\.(node|disk-space|redis)$/.test(id) ? 'this machine' : 'tools'
  const explained = ({ cloud }: CheckRow) => cloud !== 'all'
  showChecks(rows, { ...options, output: options.quiet ? 'short' : 'full', categoryOf, explained }, io)
  const bad = rows.some(({ status }) => status === 'fail' || status === 'error' || status === 'blocked')
  return bad ? exitCodes.checkFailed : exitCodes.done
}

/** A sandbox that does not run is not started to be asked: it brings its own credentials and has room enough. */
async function targetToAsk(config: Config, folder: string, io: Io, signal: AbortSignal) {
  if (config.target === 'sandbox') {
    const { sandboxStatus } = await import('../sandbox-client.ts')
    if ((await sandboxStatus(sandboxHome(folder, io.env))) === undefined) return undefined
  }
  return resolveTarget({ config, platformFolder: folder, environment: io.env, signal, report: () => {} })
}
