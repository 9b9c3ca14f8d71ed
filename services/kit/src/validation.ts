import { validatorCompiler } from 'fastify-type-provider-zod'

const mostRemembered = 1000

/**
 * Requests are held against the routes' zod schemas. A path's only parameter, such as a model's name, is looked at once
 * for each value: the same few come with every request.
 */
export const compileValidator: typeof validatorCompiler = route => {
  const validate = validatorCompiler(route)
  if (route.httpPart !== 'params') return validate
  const good = new Map<string, ReturnType<typeof validate>>()
  return (params: Readonly<Record<string, string>>) => {
    const [value, ...others] = Object.values(params)
    if (value === undefined || others.length > 0) return validate(params)
    const before = good.get(value)
    if (before !== undefined) return before
    const result = validate(params)
    if (typeof result === 'object' && !('error' in result) && good.size < mostRemembered)
      good.set(value, result)
    return result
  }
}
