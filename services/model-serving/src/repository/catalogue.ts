import * as z from 'zod'

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'expected letters, digits and ._-')

const version = z.strictObject({
  /** May be left out where the source is MLflow's registry, which numbers its versions. */
  version: name.optional(),
  /** Where the ONNX file is: a path relative to the catalogue, or file:, s3:, gs:, az: or models: with the rest. */
  source: z.string().min(1),
  /** SHA-256 of the file in hexadecimal. What was fetched from elsewhere is not served without it. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits')
    .optional(),
})

const model = z.strictObject({
  name,
  versions: z.array(version).min(1),
  /** Other names of versions. The one called `default` answers requests that name no version. */
  aliases: z.record(name, name).default({}),
  /** Only for models whose first dimension is the batch; without it every request is run alone. */
  batching: z
    .strictObject({
      maxRows: z.int().min(2).max(65_536),
      maxDelayMs: z.number().min(0).max(10_000).default(0),
    })
    .optional(),
  queue: z
    .strictObject({
      maxRequests: z.int().min(1).max(100_000).default(1000),
      maxWaitMs: z.int().min(1).max(600_000).default(10_000),
    })
    .prefault({}),
  thread: z.enum(['auto', 'main', 'own']).default('auto'),
})

const catalogue = z.strictObject({ models: z.array(model) })

/** Which models to serve, from where, and how. */
export type Catalogue = z.output<typeof catalogue>
export type CatalogueModel = Catalogue['models'][number]
export type CatalogueVersion = CatalogueModel['versions'][number]

/** Reads a catalogue's JSON. Throws an Error that names every mistake and where it is. */
export function parseCatalogue(text: string): Catalogue {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`the catalogue is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const { success, data, error } = catalogue.safeParse(value)
  if (!success) {
    throw new Error(
      `the catalogue is not valid: ${error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    )
  }
  const names = data.models.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`the catalogue is not valid: model ${twice} is there twice`)
  return data
}
