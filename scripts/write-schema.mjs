// Writes schemas/mlp.schema.json from src/config/schema.ts; a test fails while it is stale.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { configJsonSchema } from '../src/config/json-schema.ts'

const folder = join(import.meta.dirname, '..', 'schemas')
await mkdir(folder, { recursive: true })
await writeFile(join(folder, 'mlp.schema.json'), configJsonSchema())
