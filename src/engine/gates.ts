import { exitCodes, MlpError } from './errors.ts'
import { toMlpError } from './failure.ts'
import type { EngineContext } from './step.ts'

/** A question asked before anything changes; it changes nothing itself. */
export interface Gate<Ctx extends EngineContext> {
  /** Stable name: 'credentials'. */
  readonly id: string
  /** Whose question it is: a cloud's, or 'all'. */
  readonly cloud: string
  ask(context: Ctx): Promise<GateAnswer>
}

export type GateAnswer =
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
      gate: gate.id,
      cloud: gate.cloud,
      outcome: answer.outcome,
      detail: answer.detail,
      ...(flag === undefined ? {} : { flag }),
    })
    return answer.outcome === 'refused' ? [{ gate, answer }] : []
  })
  const [first] = refused
  if (first === undefined) return
  const remedy = refused.flatMap(({ answer }) => [
    ...answer.remedy,
    ...(answer.flag === undefined ? [] : [`Or accept it: ${answer.flag}`]),
  ])
  throw new MlpError({
    code: 'MLP5230',
    summary:
      refused.length === 1
        ? `Refused before anything was changed: ${said(first)}`
        : `${refused.length} gates refused before anything was changed`,
    detail: refused.length === 1 ? undefined : refused.map(said).join('\n'),
    remedy: [...new Set(remedy)],
  })
}

function said({ gate, answer }: Answered): string {
  return `${gate.cloud === 'all' ? '' : `${gate.cloud} `}${gate.id}: ${answer.detail}`
}

interface Answered {
  readonly gate: { readonly id: string; readonly cloud: string }
  readonly answer: GateAnswer
}

async function answerOf<Ctx extends EngineContext>(gate: Gate<Ctx>, context: Ctx): Promise<Answered> {
  try {
    return { gate, answer: await gate.ask(context) }
  } catch (thrown) {
    if (context.signal.aborted) throw interrupted()
    const error = toMlpError(thrown, gate.id)
    if (error.exitCode === exitCodes.bug) throw error
    const detail = [error.message, error.detail].filter(Boolean).join(': ')
    return { gate, answer: { outcome: 'refused', detail, remedy: error.remedy } }
  }
}

function interrupted(): MlpError {
  return new MlpError({
    code: 'MLP5130',
    summary: 'interrupted before anything was changed',
    remedy: ['Run the same command again.'],
  })
}
