import * as z from 'zod'
import type { ExitCode } from '../engine/errors.ts'
import type { Io } from './io.ts'
import type { CommandName } from './manual.ts'
import * as schemas from './options.ts'

// Most schemas are used once or twice in a run: to compile them takes longer than what that saves.
z.config({ jitless: true })

type Options = Readonly<Record<string, unknown>>
type Handler = (options: Options, io: Io) => Promise<ExitCode>

/** Each command is imported when it is called: nobody waits for another command's imports. */
const handlers: Record<Exclude<CommandName, 'help'>, Handler> = {
  init: async (options, io) =>
    (await import('./commands/init.ts')).runInit(schemas.initOptions.parse(options), io),
  login: async (options, io) =>
    (await import('./commands/login.ts')).runLogin(schemas.loginOptions.parse(options), io),
  doctor: async (options, io) =>
    (await import('./commands/doctor.ts')).runDoctor(schemas.doctorOptions.parse(options), io),
  plan: async (options, io) =>
    (await import('./commands/plan.ts')).runPlan(schemas.planOptions.parse(options), io),
  bootstrap: async (options, io) =>
    (await import('./commands/bootstrap.ts')).runBootstrap(schemas.bootstrapOptions.parse(options), io),
  phase: async (options, io) =>
    (await import('./commands/phase.ts')).runPhase(schemas.phaseOptions.parse(options), io),
  verify: async (options, io) =>
    (await import('./commands/verify.ts')).runVerify(schemas.verifyOptions.parse(options), io),
  status: async (options, io) =>
    (await import('./commands/status.ts')).runStatus(schemas.statusOptions.parse(options), io),
  teardown: async (options, io) =>
    (await import('./commands/teardown.ts')).runTeardown(schemas.teardownOptions.parse(options), io),
  report: async (options, io) =>
    (await import('./commands/report.ts')).runReport(schemas.reportOptions.parse(options), io),
  render: async (options, io) =>
    (await import('./commands/render.ts')).runRender(schemas.renderOptions.parse(options), io),
  token: async (options, io) =>
    (await import('./commands/token.ts')).runToken(schemas.tokenOptions.parse(options), io),
  unlock: async (options, io) =>
    (await import('./commands/unlock.ts')).runUnlock(schemas.unlockOptions.parse(options), io),
  sandbox: async (options, io) =>
    (await import('./commands/sandbox.ts')).runSandboxCommand(schemas.sandboxOptions.parse(options), io),
  completion: async (options, io) =>
    (await import('./commands/completion.ts')).runCompletion(schemas.completionOptions.parse(options), io),
}

/** Runs one command with the options commander read. Throws what the command throws. */
export function dispatch(command: Exclude<CommandName, 'help'>, options: Options, io: Io): Promise<ExitCode> {
  return handlers[command](options, io)
}
