import { exitCodes, MlpError } from './errors.ts'
import { toMlpError } from './failure.ts'
import type { EngineContext } from './step.ts'

/** A question asked before anything changes; it changes nothing itself. */
export interface Gate<Ctx extends EngineContext> {
  /** Stable name: 'credentials-outlive-run'. */
  readonly id: string
  ask(context: Ctx): Promise<GateAnswer>
}

type GateAnswer =
  | { readonly outcome: 'passed' | 'warned'; readonly detail: string }
  | {
      readonly outcome: 'refused'
      readonly detail: string
      readonly remedy: readonly string[]
      /** The flag that lets it through, where there is one. */
      readonly flag?: string
    }

/**
 * Asks every gate at once, so that a person learns of all refusals together. Throws MlpError MLP5230 (exit 5) that
 * names each refusal and its flag. A gate that throws refuses with its own error; a bug in one stays a bug.
 */
export async function passGates<Ctx extends EngineContext>(
  gates: readonly Gate<Ctx>[],
  context: Ctx,
): Promise<void> {
  const answers = await Promise.all(gates.map(gate => answerOf(gate, context)))
  const refused = answers.flatMap(({ gate, answer }) => {
    const flag = answer.outcome === 'refused' ? answer.flag : undefined
    context.emit({
      type: 'gate',
      gate,
      outcome: answer.outcome,
      detail: answer.detail,
      ...(flag === undefined ? {} : { flag }),
    })
    return answer.outcome === 'refused' ? [{ gate, answer }] : []
  })
  const [first] = refused
  if (first === undefined) return
  throw new MlpError({
    code: 'MLP5230',
    summary:
      refused.length === 1
        ? `Refused before anything was changed: ${first.answer.detail}`
        : `${refused.length} gates refused before anything was changed`,
    detail:
      refused.length === 1
        ? undefined
        : refused.map(each => `${each.gate}: ${each.answer.detail}`).join('\n'),
    remedy: refused.flatMap(({ answer }) => [
      ...answer.remedy,
      ...(answer.flag === undefined ? [] : [`Or accept it: ${answer.flag}`]),
    ]),
    exitCode: exitCodes.refused,
  })
}

async function answerOf<Ctx extends EngineContext>(
  gate: Gate<Ctx>,
  context: Ctx,
): Promise<{ readonly gate: string; readonly answer: GateAnswer }> {
  try {
    return { gate: gate.id, answer: await gate.ask(context) }
  } catch (thrown) {
    const error = toMlpError(thrown, gate.id)
    if (error.exitCode === exitCodes.bug) throw error
    const detail = [error.message, error.detail].filter(Boolean).join(': ')
    return { gate: gate.id, answer: { outcome: 'refused', detail, remedy: error.remedy } }
  }
}
