import type { HTTPMethods } from 'fastify'
import type { ServiceApp } from './app.ts'
import { ProblemError } from './problem.ts'

/**
 * An address of the API answers other methods with 405 and `Allow`, not with 404. Call `finish` once all routes are
 * there.
 */
export function watchMethods(app: ServiceApp): { finish(): void } {
  const methodsByUrl = new Map<string, Set<string>>()
  app.addHook('onRoute', route => {
    if (route.schema?.hide === true) return
    const known = methodsByUrl.get(route.url) ?? new Set()
    for (const method of [route.method].flat()) known.add(method)
    methodsByUrl.set(route.url, known)
  })
  return {
    finish() {
      for (const [url, known] of [...methodsByUrl]) {
        const others: HTTPMethods[] = app.supportedMethods.filter(method => !known.has(method))
        if (others.length === 0) continue
        const allow = [...known].join(', ')
        app.route({
          method: others,
          url,
          schema: { hide: true },
          // Before a body is read or a key is asked for.
          onRequest: async request => {
            throw new ProblemError({
              status: 405,
              detail: `${request.method} is not among the methods of this address: ${allow}.`,
              headers: { allow },
            })
          },
          handler: async () => {},
        })
      }
    },
  }
}
