import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { Descriptor, Layer } from './layer.ts'

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md */
const descriptorSchema = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int(),
})
const indexSchema = z.object({ manifests: z.array(descriptorSchema) })
const manifestSchema = z.object({ config: descriptorSchema, layers: z.array(descriptorSchema) })
const baseConfigSchema = z.object({
  config: z.object({ Env: z.array(z.string()).default([]) }).default({ Env: [] }),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
})

const manifestMediaType = 'application/vnd.oci.image.manifest.v1+json'
const configMediaType = 'application/vnd.oci.image.config.v1+json'
const sbomMediaType = 'application/vnd.cyclonedx+json'

export interface ImageConfig {
  readonly architecture: 'amd64' | 'arm64'
  readonly environment: readonly string[]
  readonly entrypoint: readonly string[]
  readonly user: string
  readonly workingFolder: string
  readonly ports: readonly number[]
  readonly labels: Readonly<Record<string, string>>
}

export async function startLayout(folder: string): Promise<{ readonly blobs: string }> {
  const blobs = join(folder, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true, mode: 0o700 })
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  return { blobs }
}

/** The layers of an image that was pulled into a layout, and the variables it sets. Its blobs stay where they are. */
export async function readBase(
  folder: string,
): Promise<{ readonly layers: readonly Layer[]; readonly environment: readonly string[] }> {
  const read = async <T>(file: string, schema: z.ZodType<T>): Promise<T> =>
    schema.parse(JSON.parse(await readFile(file, 'utf8')))
  const blob = (digest: string) => join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length))
  const [first] = (await read(join(folder, 'index.json'), indexSchema)).manifests
  if (first === undefined) throw new Error(`${folder} holds no image`)
  const manifest = await read(blob(first.digest), manifestSchema)
  const config = await read(blob(manifest.config.digest), baseConfigSchema)
  return {
    environment: config.config.Env,
    layers: manifest.layers.map((layer, index) => {
      const diffId = config.rootfs.diff_ids[index]
      if (diffId === undefined) throw new Error(`${folder}: layer ${index} has no diff id`)
      return { ...layer, diffId }
    }),
  }
}

/** Completes the layout with one image of these layers, whose blobs are there. Returns its manifest's descriptor. */
export async function writeImage(
  folder: string,
  config: ImageConfig,
  layers: readonly Layer[],
): Promise<Descriptor> {
  const configDescriptor = await writeBlob(folder, configMediaType, {
    // The beginning of time: when it was built is nothing that should change a digest.
    created: '1970-01-01T00:00:00Z',
    architecture: config.architecture,
    os: 'linux',
    config: {
      User: config.user,
      ExposedPorts: Object.fromEntries(config.ports.map(port => [`${port}/tcp`, {}])),
      Env: config.environment,
      Entrypoint: config.entrypoint,
      WorkingDir: config.workingFolder,
      Labels: config.labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(layer => layer.diffId) },
  })
  const manifest = await writeBlob(folder, manifestMediaType, {
    schemaVersion: 2,
    mediaType: manifestMediaType,
    config: configDescriptor,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    annotations: config.labels,
  })
  await writeIndex(folder, manifest)
  return manifest
}

/** A layout with one artifact: a bill of materials that refers to an image (OCI 1.1 `subject`). */
export async function writeSbomLayout(
  folder: string,
  subject: Descriptor,
  sbom: object,
): Promise<Descriptor> {
  await startLayout(folder)
  const layer = await writeBlob(folder, sbomMediaType, sbom)
  const config = await writeBlob(folder, 'application/vnd.oci.empty.v1+json', {})
  const manifest = await writeBlob(folder, manifestMediaType, {
    schemaVersion: 2,
    mediaType: manifestMediaType,
    artifactType: sbomMediaType,
    config,
    layers: [layer],
    subject,
  })
  await writeIndex(folder, manifest)
  return manifest
}

export async function imageOf(folder: string): Promise<Descriptor> {
  const [first] = indexSchema.parse(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))).manifests
  if (first === undefined) throw new Error(`${folder} holds no image`)
  return first
}

async function writeIndex(folder: string, manifest: Descriptor): Promise<void> {
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [manifest],
  }
  await writeFile(join(folder, 'index.json'), JSON.stringify(index))
}

async function writeBlob(folder: string, mediaType: string, content: object): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(content))
  const digest = createHash('sha256').update(bytes).digest('hex')
  await writeFile(join(folder, 'blobs', 'sha256', digest), bytes)
  return { mediaType, digest: `sha256:${digest}`, size: bytes.length }
}
