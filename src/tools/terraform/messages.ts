import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import { outputsSchema } from './outputs.ts'

const hook = z.object({
  resource: z.object({ addr: z.string() }),
  action: z.string().optional(),
  elapsed_seconds: z.number().optional(),
})

const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('apply_start'), hook }),
  z.object({ type: z.literal('apply_progress'), hook }),
  z.object({ type: z.literal('apply_complete'), hook }),
  z.object({ type: z.literal('apply_errored'), hook }),
  // After an apply; after a plan it has no values, and is none.
  z.object({ type: z.literal('outputs'), outputs: outputsSchema }),
  z.object({
    type: z.literal('diagnostic'),
    diagnostic: z.object({
      severity: z.enum(['error', 'warning']),
      summary: z.string(),
      detail: z.string().default(''),
      address: z.string().optional(),
    }),
  }),
])

export type TerraformMessage = z.infer<typeof messageSchema>
export type Diagnostic = Extract<TerraformMessage, { type: 'diagnostic' }>['diagnostic']

const knownTypes = messageSchema.options.map(({ shape }) => shape.type.value).join('|')
/** A plan prints some thousand lines, nearly all of other types: those are not worth being parsed. */
const ofKnownType = new RegExp(`^\\{.*"type":"(?:${knownTypes})"`)

/**
 * One line of `terraform … -json` (machine-readable UI, version 1.x). Lines of other types, and the plain text that
 * terraform prints before its JSON view stands, give undefined.
 */
export function parseMessage(line: string): TerraformMessage | undefined {
  if (!ofKnownType.test(line)) return undefined
  const parsed = messageSchema.safeParse(parseJson(line))
  return parsed.success ? parsed.data : undefined
}

/** A line as a person reads it: of a JSON message its text, on one line; anything else as it is. */
export function spokenLine(line: string): string {
  const value = line.startsWith('{') ? parseJson(line) : undefined
  if (typeof value !== 'object' || value === null || !('@message' in value)) return line
  const said = value['@message']
  return typeof said === 'string' ? said.trim().replaceAll(/\s*\n\s*/g, ' ') : line
}

/** What commands without a JSON view say with `-no-color`: `Error: <summary>`, an empty line, the detail. */
export function plainErrors(lines: readonly string[]): readonly Diagnostic[] {
  return lines
    .join('\n')
    .split(/^Error: /m)
    .slice(1)
    .map(text => {
      const [summary = '', ...detail] = text.split('\n')
      return { severity: 'error', summary, detail: detail.join('\n').trim() }
    })
}

/** `create` -> `creating`, for one calm line about a resource. */
export function progressive(action: string | undefined): string {
  switch (action) {
    case 'create':
      return 'creating'
    case 'update':
      return 'changing'
    case 'delete':
      return 'destroying'
    case 'read':
      return 'reading'
    default:
      return 'working on'
  }
}
