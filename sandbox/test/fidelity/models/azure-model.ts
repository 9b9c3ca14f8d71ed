/**
 * Azure's service models: the mappers in its SDK packages. They know members, types, required and read-only members; of
 * enumerations only the few that Azure declares as closed.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as z from 'zod'
import type { Exchange, Verdict } from './exchange.ts'
import { findMistakes, type Member, type Shape } from './shape.ts'

type Type =
  | string
  | { readonly ref: string }
  | { readonly list: Type }
  | { readonly map: Type }
  | { readonly values: readonly string[] }
interface Composite {
  readonly members: Readonly<Record<string, Property>>
  readonly open?: boolean | undefined
}
interface Property {
  readonly type?: Type | undefined
  readonly required?: boolean | undefined
  readonly members?: Readonly<Record<string, Property>> | undefined
}
const type: z.ZodType<Type> = z.lazy(() =>
  z.union([
    z.string(),
    z.object({ ref: z.string() }),
    z.object({ list: type }),
    z.object({ map: type }),
    z.object({ values: z.array(z.string()) }),
  ]),
)
const property: z.ZodType<Property> = z.lazy(() =>
  z.object({
    type: type.optional(),
    required: z.boolean().optional(),
    members: z.record(z.string(), property).optional(),
  }),
)
const composite = z.object({ members: z.record(z.string(), property), open: z.boolean().optional() })
const operation = z.object({
  method: z.string(),
  path: z.string(),
  query: z.array(z.string()),
  request: type.optional(),
  responses: z.record(z.string(), type.nullable()),
})
const model = z.object({
  package: z.string(),
  version: z.string(),
  apiVersion: z.string(),
  operations: z.array(operation),
  types: z.record(z.string(), composite),
})
type Model = z.output<typeof model>
interface Found {
  readonly model: Model
  readonly operation: z.output<typeof operation>
}

const { models } = z
  .object({ models: z.array(model) })
  .parse(JSON.parse(gunzipSync(readFileSync(new URL('azure.json.gz', import.meta.url))).toString('utf8')))

/** What Azure publishes no SDK model for, or none that was to be had; see README.md. */
const unpublished: readonly (readonly [RegExp, string])[] = [
  [/\/oauth2\/|\/\.well-known\/|\/discovery\/|^\/common\//i, 'Microsoft Entra tokens and discovery'],
  [/^\/metadata\/endpoints$/i, 'metadata endpoints'],
  [/\/operation(results|statuses)\//i, 'state of long-running operations'],
  [/^\/api\/retail\/prices$/i, 'retail prices'],
  [/\/providers\/Microsoft\.Consumption\/budgets(\/|$)/i, 'budgets'],
]

export function checkAzure(exchange: Exchange): Verdict {
  const url = new URL(exchange.url, 'https://localhost')
  const path = decodeURIComponent(url.pathname).replace(/\/{2,}/g, '/')
  const found = findOperation(exchange.method, path)
  if (found === undefined) {
    const known = unpublished.find(([pattern]) => pattern.test(path))
    if (known !== undefined) return { subject: `azure ${known[1]}`, mistakes: undefined }
    return { subject: `azure ${exchange.method} ${path}`, mistakes: ['the models have no such operation'] }
  }
  const { model, operation } = found
  const subject = `azure ${operation.method} ${operation.path} (${model.package} ${model.version})`
  if (exchange.status >= 400) return { subject, mistakes: errorMistakes(exchange) }
  return { subject, mistakes: [...requestMistakes(found, url, exchange), ...answerMistakes(found, exchange)] }
}

function findOperation(method: string, path: string): Found | undefined {
  const candidates = models.flatMap(model =>
    model.operations
      .filter(operation => operation.method === method && pattern(operation.path).test(path))
      .map(operation => ({ model, operation })),
  )
  // The one with the fewest placeholders says most.
  return candidates.sort((a, b) => placeholders(a.operation.path) - placeholders(b.operation.path))[0]
}

function pattern(path: string): RegExp {
  const parts = path.split(/(\{\w+\})/).map(part => {
    if (/^\{(scope|resourceUri|resourceId|roleAssignmentId|roleId|parentResourcePath)\}$/.test(part))
      return '.+?'
    return part.startsWith('{') ? '[^/]+' : part.replace(/[.$?*|()[\]\\]/g, '\\$&')
  })
  return new RegExp(`^/?${parts.join('').replace(/^\//, '')}$`, 'i')
}

function placeholders(path: string): number {
  return path.split('{').length
}

function requestMistakes({ model, operation }: Found, url: URL, exchange: Exchange): readonly string[] {
  const query = [...url.searchParams.keys()]
    .filter(name => !operation.query.some(known => known.toLowerCase() === name.toLowerCase()))
    .map(name => `the request's parameter ${name} is not in the model`)
  if (exchange.requestBody === '') return query
  if (operation.request === undefined) return [...query, 'the request has a body, the model none']
  return [
    ...query,
    ...findMistakes(
      shapeOf(model, operation.request, 'request'),
      JSON.parse(exchange.requestBody),
      'request',
    ),
  ]
}

function answerMistakes({ model, operation }: Found, exchange: Exchange): readonly string[] {
  const expected = operation.responses[String(exchange.status)]
  if (expected === undefined)
    return [`status ${exchange.status}, the model knows ${Object.keys(operation.responses).join(', ')}`]
  if (exchange.responseBody === '')
    return expected === null || exchange.status === 202 ? [] : ['the body is empty']
  if (expected === null) return ['the answer has a body, the model none']
  return findMistakes(shapeOf(model, expected, 'answer'), JSON.parse(exchange.responseBody))
}

/** https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/common-api-details.md#error-response-content */
const errorShape = z.strictObject({
  error: z.strictObject({
    code: z.string().min(1),
    message: z.string().min(1),
    target: z.string().optional(),
    details: z.array(z.unknown()).optional(),
    innererror: z.unknown().optional(),
    additionalInfo: z.array(z.unknown()).optional(),
  }),
})

function errorMistakes(exchange: Exchange): readonly string[] {
  if (exchange.method === 'HEAD') return []
  const parsed = errorShape.safeParse(JSON.parse(exchange.responseBody))
  return parsed.success ? [] : parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`)
}

type Direction = 'request' | 'answer'

function shapeOf(model: Model, one: Type, direction: Direction): Shape {
  if (typeof one === 'string') return primitives[one] ?? { kind: 'any' }
  if ('list' in one) return { kind: 'list', of: () => shapeOf(model, one.list, direction) }
  if ('map' in one) return { kind: 'map', of: () => shapeOf(model, one.map, direction) }
  if ('values' in one) return { kind: 'string', values: one.values }
  const found = model.types[one.ref]
  if (found === undefined) throw new Error(`${model.package} has no type ${one.ref}`)
  return found.open ? { kind: 'any' } : objectShape(model, found.members, direction)
}

const primitives: Readonly<Record<string, Shape>> = {
  Boolean: { kind: 'boolean' },
  Number: { kind: 'number', integer: false },
  String: { kind: 'string' },
  Uuid: { kind: 'string' },
  TimeSpan: { kind: 'string' },
  ByteArray: { kind: 'string', format: 'byte' },
  DateTime: { kind: 'string', format: 'date-time' },
}

function objectShape(model: Model, members: Composite['members'], direction: Direction): Shape {
  const known = Object.entries(members).map(([name, one]): readonly [string, Member] => [
    name,
    {
      shape: () =>
        one.members === undefined
          ? shapeOf(model, one.type ?? 'any', direction)
          : objectShape(model, one.members, direction),
      required: one.required === true,
    },
  ])
  return { kind: 'object', members: new Map(known) }
}
