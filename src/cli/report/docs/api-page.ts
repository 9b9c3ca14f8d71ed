import * as z from 'zod'
import type { ApiDocument } from '../../../phases/8-readiness/docs-facts.ts'
import { block, code, mdTable, text } from './markdown.ts'

/* What these pages read of OpenAPI 3.1; a service may say more, which is in its document. */

const schemaNode = z.json()
const content = z.record(z.string(), z.looseObject({ schema: schemaNode.optional() })).default({})
const parameter = z.looseObject({
  name: z.string(),
  in: z.string(),
  required: z.boolean().default(false),
  description: z.string().default(''),
  schema: schemaNode.optional(),
})
const operation = z.looseObject({
  summary: z.string().default(''),
  description: z.string().default(''),
  parameters: z.array(parameter).catch([]).default([]),
  requestBody: z.looseObject({ content }).optional().catch(undefined),
  responses: z
    .record(z.string(), z.looseObject({ description: z.string().default(''), content }))
    .catch({})
    .default({}),
  security: z.array(z.record(z.string(), z.json())).catch([]).default([]),
})
type Operation = z.infer<typeof operation>
const documentSchema = z.looseObject({
  info: z
    .looseObject({
      title: z.string().default(''),
      version: z.string().default(''),
      description: z.string().default(''),
    })
    .prefault({}),
  components: z.looseObject({ schemas: z.record(z.string(), schemaNode).default({}) }).prefault({}),
})
const methods = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'] as const

/** One service's API for reading, from its own description. */
export function apiPage(service: string, document: ApiDocument, from: string): string {
  const { info, components } = documentSchema.parse(document)
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap(method => {
      const found = operation.safeParse(z.looseObject({}).safeParse(item).data?.[method])
      return found.success ? [{ path, method: method.toUpperCase(), found: found.data }] : []
    }),
  )
  const schemas = Object.entries(components.schemas)
  return [
    `# API of ${text(service)}`,
    text(info.description),
    `Version ${code(info.version)}, as ${text(service)} described itself ${text(from)}. For programs: [${text(service)}.openapi.json](${service}.openapi.json).`,
    mdTable(
      ['Request', 'What for'],
      operations.map(({ path, method, found }) => [code(`${method} ${path}`), text(found.summary)]),
    ),
    ...operations.map(({ path, method, found }) => operationText(`${method} ${path}`, found)),
    ...(schemas.length === 0 ? [] : ['## Schemas']),
    ...schemas.flatMap(([name, schema]) => [`### ${text(name)}`, json(schema)]),
  ]
    .filter(part => part !== '')
    .join('\n\n')
    .concat('\n')
}

function operationText(
  title: string,
  { summary, description, parameters, requestBody, responses, security }: Operation,
): string {
  const schemes = security.flatMap(each => Object.keys(each))
  return [
    `## ${code(title)}`,
    text(summary),
    description === summary ? '' : text(description),
    schemes.length === 0 ? '' : `Signed in by: ${schemes.map(code).join(' or ')}.`,
    parameters.length === 0
      ? ''
      : mdTable(
          ['Parameter', 'In', 'Needed', 'Type', 'Meaning'],
          parameters.map(each => [
            code(each.name),
            text(each.in),
            each.required ? 'yes' : 'no',
            code(typeOf(each.schema)),
            text(each.description),
          ]),
        ),
    ...bodies('Body', requestBody?.content ?? {}),
    mdTable(
      ['Answer', 'Meaning', 'Content'],
      Object.entries(responses).map(([status, answer]) => [
        code(status),
        text(answer.description),
        Object.entries(answer.content)
          .map(([type, { schema }]) => `${code(type)} ${code(typeOf(schema))}`)
          .join(', '),
      ]),
    ),
  ]
    .filter(part => part !== '')
    .join('\n\n')
}

function bodies(title: string, contents: z.infer<typeof content>): readonly string[] {
  return Object.entries(contents).flatMap(([type, { schema }]) => {
    const name = typeOf(schema)
    return schema === undefined || name !== 'object'
      ? [`${title}, ${code(type)}: ${code(name)}`]
      : [`${title}, ${code(type)}:`, json(schema)]
  })
}

const named = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
})

function typeOf(schema: unknown): string {
  const { $ref, type } = named.safeParse(schema).data ?? {}
  if ($ref !== undefined) return $ref.split('/').at(-1) ?? $ref
  return Array.isArray(type) ? type.join(' or ') : (type ?? 'any')
}

function json(schema: unknown): string {
  return block('json', JSON.stringify(schema, undefined, 2))
}
