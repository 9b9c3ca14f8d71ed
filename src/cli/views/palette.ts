import { Chalk } from 'chalk'

export interface Palette {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  readonly quiet: (text: string) => string
  readonly strong: (text: string) => string
}

/** The only colours there are; without colour every one is the text itself. */
export function palette(colour: boolean): Palette {
  const chalk = new Chalk({ level: colour ? 1 : 0 })
  // chalk joins all of its arguments, and `lines.map(paint)` would hand it three.
  return {
    good: text => chalk.green(text),
    bad: text => chalk.red(text),
    warn: text => chalk.yellow(text),
    quiet: text => chalk.dim(text),
    strong: text => chalk.bold(text),
  }
}

/** linkerd's three marks for checks and steps; they need no colour to be told apart. */
export const marks = { good: '√', warn: '‼', bad: '×', skipped: '-', blocked: '!' } as const
