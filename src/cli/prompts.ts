import { checkbox, confirm, input, password } from '@inquirer/prompts'
import { MlpError } from '../engine/errors.ts'
import type { Io } from './io.ts'

type Terminal = Pick<Io, 'stdin' | 'stderr'>

/** What is asked, and the flag that answers it where nobody can be asked. */
export interface Question {
  readonly message: string
  readonly flag: string
  readonly signal?: AbortSignal | undefined
}

/** Both the answers' and the questions' side must be a terminal; questions are drawn on stderr, stdout is for data. */
export function canPrompt({ stdin, stderr }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true
}

/** Yes or no; no when only Enter is pressed. */
export function askYesNo(io: Terminal, question: Question): Promise<boolean> {
  return ask(io, question, context => confirm({ message: question.message, default: false }, context))
}

export function askText(
  io: Terminal,
  question: Question & {
    readonly default?: string | undefined
    readonly validate?: (text: string) => true | string
  },
): Promise<string> {
  const { message, validate } = question
  return ask(io, question, context =>
    input(
      {
        message,
        ...(question.default === undefined ? {} : { default: question.default }),
        ...(validate === undefined ? {} : { validate }),
      },
      context,
    ),
  )
}

/** Not shown while it is typed. */
export function askSecret(io: Terminal, question: Question): Promise<string> {
  return ask(io, question, context => password({ message: question.message, mask: true }, context))
}

/** At least one of the choices. */
export function askSome<const T extends string>(
  io: Terminal,
  question: Question & {
    readonly choices: readonly { readonly value: T; readonly name: string; readonly checked: boolean }[]
  },
): Promise<T[]> {
  return ask(io, question, context =>
    checkbox<T>({ message: question.message, choices: [...question.choices], required: true }, context),
  )
}

/** What cannot be undone is agreed to by typing a name; anything else typed is a no. */
export async function askTypedName(io: Terminal, question: Question, name: string): Promise<boolean> {
  const typed = await askText(io, { ...question, message: `${question.message} Type ${name}:` })
  return typed.trim() === name
}

type PromptContext = { input: NodeJS.ReadableStream; output: NodeJS.WritableStream; signal?: AbortSignal }

/** @throws MlpError MLP5001 (exit 5) without a terminal, MLP5130 (exit 130) when interrupted at the question. */
async function ask<T>(
  io: Terminal,
  question: Question,
  prompt: (context: PromptContext) => Promise<T>,
): Promise<T> {
  if (!canPrompt(io)) throw cannotAsk(question)
  const { signal } = question
  try {
    return await prompt({ input: io.stdin, output: io.stderr, ...(signal === undefined ? {} : { signal }) })
  } catch (error) {
    if (error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError')) {
      throw new MlpError({
        code: 'MLP5130',
        summary: 'interrupted at a question; nothing was changed by it',
        remedy: ['Run the same command again.'],
        cause: error,
      })
    }
    throw error
  }
}

export function cannotAsk({ message, flag }: Question): MlpError {
  return new MlpError({
    code: 'MLP5001',
    summary: 'a question must be answered, and there is no terminal to ask it on',
    detail: message,
    remedy: [`Answer it with ${flag}.`],
  })
}
