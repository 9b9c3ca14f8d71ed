import { MlpError } from '../engine/errors.ts'
import type { Consent, ConsentQuestion } from '../phases/phase.ts'
import type { Io } from './io.ts'
import type { ConsentOptions, GlobalOptions } from './options.ts'

export interface ConsentSettings {
  readonly options: GlobalOptions & Partial<ConsentOptions> & { readonly chaos?: boolean | undefined }
  readonly project: string
  readonly target: 'sandbox' | 'cloud'
  readonly io: Pick<Io, 'stdin' | 'stderr'>
  readonly signal?: AbortSignal
  /** Holds the live view back while a question stands; what it returns lets the view go on. */
  readonly pauseView?: () => () => void
}

/**
 * What the operator agreed to by flags; the rest is asked on the terminal, one question at a time. `--yes` answers
 * safe questions only, and on the sandbox also what `--confirm` answers elsewhere: nothing there is worth a name.
 * @throws MlpError MLP5003 (exit 5) when --confirm names another project.
 */
export function createConsent(settings: ConsentSettings): Consent {
  const { options, project } = settings
  if (options.confirm !== undefined && options.confirm !== project) {
    throw otherName(options.confirm, project)
  }
  let last: Promise<unknown> = Promise.resolve()
  return {
    destroyData: options.destroyData ?? false,
    finalSnapshot: options.finalSnapshot ?? true,
    chaos: options.chaos ?? false,
    rollback: options.rollback ?? false,
    allowReplace: options.allowReplace ?? [],
    approve(question) {
      if (answeredByFlag(question, settings)) return Promise.resolve(true)
      // Lanes run side by side; their questions must not.
      const answer = last.then(() => askPerson(question, settings))
      last = answer.catch(() => undefined)
      return answer
    },
    secret(question) {
      const answer = last.then(() => askForSecret(question, settings))
      last = answer.catch(() => undefined)
      return answer
    },
  }
}

async function askForSecret(
  question: { readonly message: string; readonly flag: string },
  { io, signal, pauseView }: ConsentSettings,
): Promise<string> {
  const { askSecret, canPrompt, cannotAsk } = await import('./prompts.ts')
  if (!canPrompt(io)) throw cannotAsk({ ...question, signal })
  const goOn = pauseView?.()
  try {
    return (await askSecret(io, { ...question, signal })).trim()
  } finally {
    goOn?.()
  }
}

function answeredByFlag(question: ConsentQuestion, { options, target }: ConsentSettings): boolean {
  const [flag] = question.flag.split(' ')
  if (flag === '--confirm') return options.confirm !== undefined || (target === 'sandbox' && options.yes)
  if (flag === '--destroy-data') return options.destroyData === true
  if (flag === '--adopt') return options.adopt === true
  if (flag === '--rollback') return options.rollback === true
  if (flag === '--accept-cost') return options.acceptCost === true
  if (flag === '--allow-production') return options.allowProduction === true
  return question.safe && options.yes
}

async function askPerson(question: ConsentQuestion, settings: ConsentSettings): Promise<boolean> {
  const { io, signal, project } = settings
  const { askTypedName, askYesNo, canPrompt, cannotAsk } = await import('./prompts.ts')
  const asked = { message: question.message, flag: question.flag.replace('<project>', project), signal }
  if (!canPrompt(io)) throw cannotAsk(asked)
  const goOn = settings.pauseView?.()
  try {
    for (const line of question.details) io.stderr.write(`  ${line}\n`)
    return await (question.safe || question.undone ? askYesNo(io, asked) : askTypedName(io, asked, project))
  } finally {
    goOn?.()
  }
}

/** A name that is not this project's was meant for another one. */
function otherName(given: string, project: string): MlpError {
  return new MlpError({
    code: 'MLP5003',
    summary: `--confirm names ${given}, but mlp.yaml's project is ${project}`,
    remedy: ['Look whether you are in the right folder.', `If you are: --confirm ${project}`],
  })
}
