import { createHash } from 'node:crypto'
import { globSync, readFileSync, statSync } from 'node:fs'
import { data, Evaluator, Lexer, Parser } from '@actions/expressions'

/** What an expression may see, and how things stand. */
export interface Scope {
  readonly contexts: Readonly<Record<string, unknown>>
  readonly status: {
    readonly success: boolean
    readonly failure: boolean
    readonly cancelled: boolean
  }
  /** Folder that hashFiles() looks in; none: it is not there yet. */
  readonly workspace?: string
}

const statusFunctions = ['success', 'failure', 'cancelled', 'always'] as const

/** The value of one expression, without its `${{ }}`; by GitHub's own parser. */
function evaluate(expression: string, scope: Scope): unknown {
  const flag = (value: boolean) => () => new data.BooleanData(value)
  const functions = [
    { name: 'success', minArgs: 0, maxArgs: 0, call: flag(scope.status.success) },
    { name: 'failure', minArgs: 0, maxArgs: 0, call: flag(scope.status.failure) },
    { name: 'cancelled', minArgs: 0, maxArgs: 0, call: flag(scope.status.cancelled) },
    { name: 'always', minArgs: 0, maxArgs: 0, call: flag(true) },
    {
      name: 'hashfiles',
      minArgs: 1,
      maxArgs: 255,
      call: (...patterns: data.ExpressionData[]) =>
        new data.StringData(
          hashFiles(
            scope.workspace,
            patterns.map(one => one.coerceString()),
          ),
        ),
    },
  ]
  const { tokens } = new Lexer(expression).lex()
  const tree = new Parser(tokens, Object.keys(scope.contexts), functions).parse()
  const contexts: unknown = JSON.parse(JSON.stringify(scope.contexts), data.reviver)
  if (!(contexts instanceof data.Dictionary)) throw new Error('the contexts are no object')
  const found = new Evaluator(tree, contexts, new Map(functions.map(one => [one.name, one]))).evaluate()
  return JSON.parse(JSON.stringify(found, data.replacer) ?? 'null')
}

/** A text with each `${{ }}` in it replaced by its value. */
export function interpolate(text: string, scope: Scope): string {
  return text.replace(/\$\{\{(.*?)\}\}/gs, (_whole, inner: string) => spell(evaluate(inner.trim(), scope)))
}

/** A setting that may be an expression as a whole, and then keeps its type. */
export function settingValue(setting: unknown, scope: Scope): unknown {
  if (typeof setting === 'string') {
    const whole = /^\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*$/s.exec(setting)?.[1]
    return whole === undefined ? interpolate(setting, scope) : evaluate(whole.trim(), scope)
  }
  if (Array.isArray(setting)) return setting.map(one => settingValue(one, scope))
  if (typeof setting !== 'object' || setting === null) return setting
  return Object.fromEntries(
    Object.entries(setting).map(([name, value]) => [name, settingValue(value, scope)]),
  )
}

/** An `if`: as one expression, with or without `${{ }}`; without a function of status, only after success. */
export function condition(text: string | undefined, scope: Scope): boolean {
  const bare = (text ?? '').trim()
  if (bare === '') return scope.status.success
  const inner = /^\$\{\{(.*)\}\}$/s.exec(bare)?.[1]
  const expression = inner !== undefined && !inner.includes('${{') ? inner.trim() : bare
  const asksStatus = statusFunctions.some(name => new RegExp(`\\b${name}\\s*\\(`, 'i').test(expression))
  if (!asksStatus && !scope.status.success) return false
  // Text around an expression makes it text, which is true unless it is empty; as on GitHub.
  if (expression.includes('${{')) return interpolate(expression, scope) !== ''
  return isTruthy(evaluate(expression, scope))
}

export function isTruthy(value: unknown): boolean {
  return value !== false && value !== null && value !== 0 && value !== '' && value !== undefined
}

function spell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return 'Array'
  return typeof value === 'object' ? 'Object' : String(value)
}

/** A hash of all files that fit; empty when none does. */
function hashFiles(workspace: string | undefined, patterns: readonly string[]): string {
  if (workspace === undefined) return ''
  const files = globSync(
    patterns.filter(one => !one.startsWith('!')),
    { cwd: workspace },
  )
    .filter(file => statSync(`${workspace}/${file}`).isFile())
    .sort()
  if (files.length === 0) return ''
  const whole = createHash('sha256')
  for (const file of files)
    whole.update(
      createHash('sha256')
        .update(readFileSync(`${workspace}/${file}`))
        .digest(),
    )
  return whole.digest('hex')
}
