import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { OpenAPIV3_1 } from 'openapi-types'
import type * as z from 'zod'
import type { ServiceApp } from './app.ts'

export interface ApiDescription {
  readonly title: string
  readonly version: string
  readonly description: string
  readonly securitySchemes?: Readonly<Record<string, OpenAPIV3_1.SecuritySchemeObject>>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A request body that the OpenAPI document describes and the handler reads itself, as a stream for example. */
    documentedBody?: {
      content: Record<string, { schema: OpenAPIV3_1.SchemaObject | z.core.JSONSchema.JSONSchema }>
    }
  }
}

/** The page may load and call only what this service itself serves. */
const contentSecurityPolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

/** `/openapi.json` from the routes' schemas (they have to be added after this), and at `/docs` a page to try it. */
export async function addOpenApi(app: ServiceApp, api: ApiDescription, docs: 'on' | 'off'): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: api.title, version: api.version, description: api.description },
      // Relative: the document is right behind any ingress.
      servers: [{ url: '/' }],
      components: { securitySchemes: { ...api.securitySchemes } },
    },
    transform: document => {
      const { schema, url } = jsonSchemaTransform(document)
      const body = document.route.config?.documentedBody
      return { schema: body === undefined ? schema : { ...schema, body }, url }
    },
    transformObject: input => {
      const document = jsonSchemaTransformObject(input)
      if ('components' in document) removeUnused(document.components?.schemas ?? {}, JSON.stringify(document))
      return document
    },
  })
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { quiet: true },
    schema: { hide: true },
    handler: async () => app.swagger(),
  })
  if (docs === 'off') return
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    // Swagger UI would otherwise show a badge from validator.swagger.io.
    uiConfig: { validatorUrl: null, tryItOutEnabled: true },
  })
}

/** Each schema is turned into one for requests and one for responses, whether or not there are both. */
function removeUnused(schemas: Record<string, unknown>, document: string): void {
  for (const name of Object.keys(schemas)) {
    if (!document.includes(`"#/components/schemas/${name}"`)) delete schemas[name]
  }
}
