import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { buildImage } from '../../src/tools/images/build.ts'
import type { ImageName } from '../../src/tools/images/service-images.ts'
import { program } from '../../test/support/programs.ts'
import type { BuiltImage } from './image-fixture.ts'

const manifestSchema = z.object({
  config: z.object({ digest: z.string() }),
  layers: z.array(z.object({ digest: z.string() })),
})

/** A service's own image, as `mlp` builds it. */
export async function serviceImage(name: ImageName): Promise<BuiltImage> {
  const { layout, digest } = await buildImage(
    { signal: new AbortController().signal, emit: () => {} },
    name,
    {
      packageRoot: fileURLToPath(new URL('../..', import.meta.url)),
      platform: process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64',
      crane: await program('crane'),
      report: () => {},
    },
  )
  const blob = (one: string) => readFile(join(layout, 'blobs', 'sha256', one.slice('sha256:'.length)))
  const manifest = await blob(digest)
  const { config, layers } = manifestSchema.parse(JSON.parse(manifest.toString('utf8')))
  const digests = [config.digest, ...layers.map(layer => layer.digest)]
  const blobs = await Promise.all(digests.map(async one => [one, await blob(one)] as const))
  return { blobs: new Map(blobs), manifest, digest }
}
