/** What a published model says of one JSON value; the models of all clouds are read into this. */
export type Shape =
  | { readonly kind: 'any' | 'boolean' }
  | { readonly kind: 'number'; readonly integer: boolean }
  | { readonly kind: 'string'; readonly values?: readonly string[]; readonly format?: StringFormat }
  | { readonly kind: 'list' | 'map'; readonly of: () => Shape }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Member> }

export interface Member {
  readonly shape: () => Shape
  readonly required: boolean
}

type StringFormat = 'int64' | 'uint64' | 'date-time' | 'byte'

const formats: Readonly<Record<StringFormat, RegExp>> = {
  int64: /^-?\d{1,19}$/,
  uint64: /^\d{1,20}$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  byte: /^[A-Za-z0-9+/_-]*={0,2}$/,
}

/** Where a JSON value is not what the model says: unknown or missing members, wrong types, unknown enum values. */
export function findMistakes(shape: Shape, value: unknown, path = ''): readonly string[] {
  const wrong = (wanted: string) => [
    `${path || 'the answer'} is ${typeName(value)}, the model says ${wanted}`,
  ]
  switch (shape.kind) {
    case 'any':
      return []
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong('boolean')
    case 'number':
      if (typeof value !== 'number') return wrong('number')
      return shape.integer && !Number.isInteger(value) ? wrong('integer') : []
    case 'string':
      if (typeof value !== 'string') return wrong('string')
      if (shape.values !== undefined && !shape.values.includes(value))
        return [`${path} is '${value}', the model knows ${shape.values.join(', ')}`]
      return shape.format === undefined || formats[shape.format].test(value)
        ? []
        : [`${path} is '${value}', the model says ${shape.format}`]
    case 'list':
      if (!Array.isArray(value)) return wrong('list')
      return value.flatMap((item, index) => findMistakes(shape.of(), item, `${path}[${index}]`))
    case 'map':
      if (!isRecord(value)) return wrong('map')
      return Object.entries(value).flatMap(([key, item]) => findMistakes(shape.of(), item, join(path, key)))
    case 'object':
      return isRecord(value) ? memberMistakes(shape.members, value, path) : wrong('object')
  }
}

function memberMistakes(
  members: ReadonlyMap<string, Member>,
  value: Readonly<Record<string, unknown>>,
  path: string,
): readonly string[] {
  const missing = [...members]
    .filter(([name, member]) => member.required && value[name] === undefined)
    .map(([name]) => `${join(path, name)} is missing`)
  const inside = Object.entries(value).flatMap(([name, item]) => {
    const member = members.get(name)
    return member === undefined
      ? [`${join(path, name)} is not in the model`]
      : findMistakes(member.shape(), item, join(path, name))
  })
  return [...missing, ...inside]
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
