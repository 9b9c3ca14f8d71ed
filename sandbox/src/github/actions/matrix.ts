type Combination = Record<string, unknown>

/** The jobs that a matrix makes. https://docs.github.com/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations */
export function expandMatrix(matrix: unknown): readonly Combination[] {
  if (typeof matrix !== 'object' || matrix === null || Array.isArray(matrix))
    throw new Error('Matrix must be a mapping of names to lists')
  const { include = [], exclude = [], ...axes } = { ...matrix } as Record<string, unknown>
  const lists = Object.entries(axes).map(([name, values]) => {
    if (!Array.isArray(values)) throw new Error(`Matrix vector '${name}' must be a list`)
    if (values.length === 0) throw new Error(`Matrix vector '${name}' does not contain any values`)
    return [name, values as readonly unknown[]] as const
  })
  const product = lists.reduce<readonly Combination[]>(
    (made, [name, values]) => made.flatMap(one => values.map(value => ({ ...one, [name]: value }))),
    lists.length === 0 ? [] : [{}],
  )
  const left = product.filter(
    one =>
      !objects(exclude).some(out => Object.entries(out).every(([name, value]) => same(one[name], value))),
  )
  const combinations = left.map(one => ({ ...one }))
  for (const extra of objects(include)) {
    // It adds to every combination whose own values it does not change; else it is one more.
    const fitting = combinations.filter((_one, index) =>
      Object.entries(extra).every(([name, value]) => {
        const own = left[index]
        return own === undefined ? false : !(name in own) || same(own[name], value)
      }),
    )
    if (fitting.length === 0) combinations.push({ ...extra })
    else for (const one of fitting) Object.assign(one, extra)
  }
  return combinations
}

/** What a job of a matrix is called. */
export function combinationName(name: string, combination: Combination): string {
  const values = Object.values(combination).map(value =>
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  )
  return `${name} (${values.join(', ')})`
}

function objects(value: unknown): readonly Combination[] {
  return Array.isArray(value)
    ? value.filter((one): one is Combination => typeof one === 'object' && one !== null)
    : []
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
