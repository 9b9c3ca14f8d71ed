import * as z from 'zod'

/** `infer` includes `read`: who may ask a model may see what it takes. */
const actions = ['read', 'infer'] as const
export type Action = (typeof actions)[number]

/** `infer:iris`, `read:fraud-*`, `infer:*`: an action and the model it is for; a star at the end stands for anything. */
export const scopeSchema = z
  .string()
  .regex(
    /^(read|infer):([A-Za-z0-9][A-Za-z0-9._-]*\*?|\*)$/,
    'expected read:<model> or infer:<model>, where the model may end in *',
  )

/** What a client may do. */
export interface Grants {
  allows(action: Action, model: string): boolean
}

/** Scopes that are not ours are ignored: a token may carry those of other services. */
export function grantsOf(scopes: readonly string[]): Grants {
  const exact = new Set<string>()
  const prefixes: { readonly action: Action; readonly prefix: string }[] = []
  for (const scope of scopes) {
    if (!scopeSchema.safeParse(scope).success) continue
    const granted: readonly Action[] = scope.startsWith('infer:') ? actions : ['read']
    const model = scope.slice(scope.indexOf(':') + 1)
    for (const action of granted) {
      if (model.endsWith('*')) prefixes.push({ action, prefix: model.slice(0, -1) })
      else exact.add(`${action}:${model}`)
    }
  }
  return {
    allows: (action, model) =>
      exact.has(`${action}:${model}`) ||
      prefixes.some(granted => granted.action === action && model.startsWith(granted.prefix)),
  }
}
