import { createHash, timingSafeEqual } from 'node:crypto'
import type { ServiceApp } from '@mlp/service-kit/app'
import { problemResponses } from '@mlp/service-kit/problem'
import type { FastifyRequest } from 'fastify'
import * as z from 'zod'
import { RequestRefused } from '../errors.ts'
import type { ModelStore } from '../repository/model-store.ts'
import { asProblem } from './problems.ts'
import { modelParams, repositoryIndex } from './schemas.ts'

/**
 * The protocol's model repository extension. Loading and unloading is for whoever bears `token`; without a token it is
 * for nobody. It changes this process only: what the fleet serves is the catalogue's business.
 */
export function addRepositoryRoutes(app: ServiceApp, store: ModelStore, token: string | undefined): void {
  const tags = ['repository']
  const refuseStrangers = async (request: FastifyRequest): Promise<void> => {
    if (token === undefined) {
      throw asProblem(
        new RequestRefused('forbidden', 'REPOSITORY_TOKEN is not set: models cannot be loaded by request'),
      )
    }
    if (!isBearer(request.headers.authorization, token)) {
      throw asProblem(new RequestRefused('forbidden', 'this takes the repository token as bearer token'))
    }
  }
  const change = async (action: (name: string) => Promise<void>, name: string) => {
    try {
      await action(name)
    } catch (error) {
      throw asProblem(error)
    }
    return {}
  }

  app.route({
    method: 'POST',
    url: '/v2/repository/index',
    schema: { tags, summary: 'All models and their states', response: { 200: repositoryIndex } },
    handler: async () => [...store.index()],
  })
  const response = {
    200: z.object({}),
    ...problemResponses({
      400: 'Not a name',
      403: 'Not with the repository token',
      404: 'There is no such model',
      503: 'The model could not be loaded',
    }),
  }
  app.route({
    method: 'POST',
    url: '/v2/repository/models/:name/load',
    onRequest: refuseStrangers,
    schema: {
      tags,
      summary: 'Load a model, or its changes',
      params: modelParams,
      security: [{ repository: [] }],
      response,
    },
    handler: ({ params }) => change(store.load, params.name),
  })
  app.route({
    method: 'POST',
    url: '/v2/repository/models/:name/unload',
    onRequest: refuseStrangers,
    schema: {
      tags,
      summary: 'Unload a model',
      params: modelParams,
      security: [{ repository: [] }],
      response,
    },
    handler: ({ params }) => change(store.unload, params.name),
  })
}

function isBearer(header: string | undefined, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${token}`))
}
