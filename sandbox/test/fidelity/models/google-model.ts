/** Google's service models: its discovery documents. They know members, types and values; of required members they say nothing. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as z from 'zod'
import type { Exchange, Verdict } from './exchange.ts'
import { findMistakes, isRecord, type Shape } from './shape.ts'

interface Property {
  readonly $ref?: string | undefined
  readonly type?: string | undefined
  readonly format?: string | undefined
  readonly enum?: readonly string[] | undefined
  readonly items?: Property | undefined
  readonly properties?: Readonly<Record<string, Property>> | undefined
  readonly additionalProperties?: Property | undefined
}
const property: z.ZodType<Property> = z.lazy(() =>
  z.strictObject({
    $ref: z.string().optional(),
    type: z.string().optional(),
    format: z.string().optional(),
    enum: z.array(z.string()).optional(),
    items: property.optional(),
    properties: z.record(z.string(), property).optional(),
    additionalProperties: property.optional(),
  }),
)
const method = z.object({
  id: z.string(),
  httpMethod: z.string(),
  path: z.string(),
  query: z.array(z.string()),
  request: z.string().optional(),
  response: z.string().optional(),
})
const model = z.object({
  service: z.string(),
  version: z.string(),
  basePath: z.string(),
  parameters: z.array(z.string()),
  methods: z.array(method),
  schemas: z.record(z.string(), property),
})
type Model = z.output<typeof model>

const { models } = z
  .object({ models: z.array(model) })
  .parse(JSON.parse(gunzipSync(readFileSync(new URL('google.json.gz', import.meta.url))).toString('utf8')))

/** What Google publishes no discovery document for. */
const unpublished = [/^\/token$/, /^\/oauth2\//, /^\/\.well-known\//]

/** The sandbox has one listener for all services: `/redis/v1/…`; container and storage stand at its root. */
export function checkGoogle(exchange: Exchange): Verdict {
  const url = new URL(exchange.url, 'https://localhost')
  const [, first = ''] = url.pathname.split('/')
  const prefixed = models.some(({ service }) => service === first) && first !== 'storage'
  const service = prefixed ? first : url.pathname.includes('/storage/v1/') ? 'storage' : 'container'
  const path = prefixed ? url.pathname.slice(first.length + 1) : url.pathname
  if (unpublished.some(pattern => pattern.test(url.pathname)))
    return { subject: `gcp ${url.pathname}`, mistakes: undefined }
  const found = findMethod(service, exchange.method, path)
  if (found === undefined)
    return isObjectData(url.pathname)
      ? { subject: 'gcp object data: answered by fake-gcs-server', mistakes: undefined }
      : { subject: `gcp ${service} ${exchange.method} ${path}`, mistakes: ['the model has no such method'] }
  const subject = `gcp ${found.method.id} (${found.model.version})`
  if (found.method.id.startsWith('storage.objects.'))
    return { subject: `${found.method.id}: answered by fake-gcs-server`, mistakes: undefined }
  if (exchange.status >= 300) return { subject, mistakes: errorMistakes(exchange) }
  return {
    subject,
    mistakes: [...requestMistakes(found, url, exchange), ...answerMistakes(found, url, exchange)],
  }
}

/** Whether a page of Google's API reference (`…/rest/v1/projects.locations.clusters`) is of a resource in a model. */
export function googleResourceExists(resource: string): boolean {
  return models.some(({ methods }) =>
    methods.some(({ id }) => id.slice(id.indexOf('.') + 1).startsWith(`${resource}.`)),
  )
}

interface Found {
  readonly model: Model
  readonly method: z.output<typeof method>
}

function findMethod(service: string, httpMethod: string, path: string): Found | undefined {
  for (const candidate of models.filter(one => one.service === service))
    for (const one of candidate.methods)
      if (one.httpMethod === httpMethod && pattern(candidate, one.path).test(path))
        return { model: candidate, method: one }
  return undefined
}

function pattern({ basePath }: Model, path: string): RegExp {
  const whole = `${basePath.replace(/\/$/, '')}/${path}`
  const parts = whole.split(/(\{\+?\w+\})/).map(part => {
    if (part.startsWith('{+')) return '.+'
    return part.startsWith('{') ? '[^/:]+' : part.replace(/[.$?*|()[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`)
}

function isObjectData(path: string): boolean {
  return !path.startsWith('/v1') && !path.startsWith('/compute')
}

/** Other spellings of the same: https://cloud.google.com/apis/docs/system-parameters */
const systemParameters: Readonly<Record<string, string>> = {
  $alt: 'alt',
  $fields: 'fields',
  $prettyPrint: 'prettyPrint',
}

function requestMistakes({ model, method }: Found, url: URL, exchange: Exchange): readonly string[] {
  const query = [...url.searchParams.keys()]
    .map(name => systemParameters[name] ?? name)
    .filter(name => !method.query.includes(name) && !model.parameters.includes(name))
    .map(name => `the request's parameter ${name} is not in the model`)
  if (exchange.requestBody === '' || !isJson(exchange.headers)) return query
  const body: unknown = JSON.parse(exchange.requestBody)
  if (method.request === undefined)
    return isEmpty(body) ? query : [...query, 'the request has a body, the model none']
  return [...query, ...findMistakes(reference(model, method.request), body, 'request')]
}

function isEmpty(body: unknown): boolean {
  return isRecord(body) && Object.keys(body).length === 0
}

function answerMistakes({ model, method }: Found, url: URL, exchange: Exchange): readonly string[] {
  if (method.response === undefined)
    return exchange.responseBody === '' ? [] : ['the answer has a body, the model none']
  if (url.searchParams.get('alt') === 'media') return []
  const body: unknown = JSON.parse(exchange.responseBody === '' ? 'null' : exchange.responseBody)
  return findMistakes(reference(model, method.response), body)
}

/** https://cloud.google.com/apis/design/errors#http_mapping */
const errorShape = z.object({
  error: z.strictObject({
    code: z.int(),
    message: z.string(),
    status: z
      .string()
      .regex(/^[A-Z_]+$/)
      .optional(),
    details: z.array(z.unknown()).optional(),
    errors: z
      .array(z.looseObject({ message: z.string(), domain: z.string(), reason: z.string() }))
      .optional(),
  }),
})

function errorMistakes(exchange: Exchange): readonly string[] {
  if (exchange.status < 400 || exchange.method === 'HEAD') return []
  const parsed = errorShape.safeParse(JSON.parse(exchange.responseBody))
  if (!parsed.success) return parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`)
  return parsed.data.error.code === exchange.status ? [] : [`error.code is not the status ${exchange.status}`]
}

function isJson(headers: Exchange['headers']): boolean {
  return (headers['content-type'] ?? '').startsWith('application/json')
}

function reference(model: Model, name: string): Shape {
  const schema = model.schemas[name]
  if (schema === undefined) throw new Error(`${model.service} ${model.version} has no schema ${name}`)
  return shapeOf(model, schema)
}

function shapeOf(model: Model, schema: Property): Shape {
  if (schema.$ref !== undefined) return reference(model, schema.$ref)
  switch (schema.type) {
    case 'boolean':
      return { kind: 'boolean' }
    case 'integer':
      return { kind: 'number', integer: true }
    case 'number':
      return { kind: 'number', integer: false }
    case 'string':
      return stringShape(schema)
    case 'array':
      return { kind: 'list', of: () => shapeOf(model, schema.items ?? { type: 'any' }) }
    case 'object': {
      const { additionalProperties } = schema
      if (additionalProperties !== undefined)
        return { kind: 'map', of: () => shapeOf(model, additionalProperties) }
      const members = Object.entries(schema.properties ?? {}).map(
        ([name, one]) => [name, { shape: () => shapeOf(model, one), required: false }] as const,
      )
      return { kind: 'object', members: new Map(members) }
    }
    default:
      return { kind: 'any' }
  }
}

function stringShape({ format, enum: values }: Property): Shape {
  if (values !== undefined) return { kind: 'string', values }
  if (format === 'int64' || format === 'uint64' || format === 'byte') return { kind: 'string', format }
  return format === 'google-datetime' || format === 'date-time'
    ? { kind: 'string', format: 'date-time' }
    : { kind: 'string' }
}
