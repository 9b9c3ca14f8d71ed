import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

export const imageNames = ['api-gateway', 'model-serving', 'data-sync'] as const
export type ImageName = (typeof imageNames)[number]
export type Platform = 'linux/amd64' | 'linux/arm64'

/** What services/<name>/Dockerfile says of the finished image; a test compares the two. */
export interface ImageSpec {
  readonly title: string
  readonly ports: readonly number[]
  /** Folders and files of services/<name> that go into the image. */
  readonly content: readonly string[]
  /** Node's, where the defaults do not do. */
  readonly nodeOptions?: readonly string[]
}

export const imageSpecs: Readonly<Record<ImageName, ImageSpec>> = {
  'api-gateway': { title: 'API gateway', ports: [8000], content: ['package.json', 'src'] },
  'model-serving': {
    title: 'Model serving',
    ports: [8080, 8081],
    // The sample models: a new platform answers an inference before anybody has uploaded a model.
    content: ['package.json', 'src', 'models'],
    // A request leaves 30 KiB of garbage. Half a millisecond of every 50 went into collecting it, and more where the
    // collector's threads waited for a processor: fewer collections, and by the thread that waits for them anyway.
    nodeOptions: ['--no-parallel-scavenge', '--min-semi-space-size=32', '--max-semi-space-size=32'],
  },
  'data-sync': { title: 'Data sync', ports: [8081], content: ['package.json', 'src'] },
}

/** The same for every image: nobody's user, an address that a pod is reached at. */
export const user = '65532:65532'
export const workingFolder = '/app'
export const nodePath = '/nodejs/bin/node'
export const environment = ['NODE_ENV=production', 'HOST=0.0.0.0'] as const

export function entrypointOf(name: ImageName): readonly string[] {
  return [nodePath, ...(imageSpecs[name].nodeOptions ?? []), `services/${name}/src/main.ts`]
}

/** The base image, by digest: the Dockerfile is the only place that names it. */
export async function baseOf(packageRoot: string, name: ImageName): Promise<string> {
  const file = join(packageRoot, 'services', name, 'Dockerfile')
  const base = /^ARG BASE=(\S+@sha256:[0-9a-f]{64})$/m.exec(await readFile(file, 'utf8'))?.[1]
  if (base === undefined) throw new Error(`${file} names no base by digest`)
  return base
}

const packageSchema = z.object({ version: z.string().regex(/^\d+\.\d+\.\d+$/) })

/** `1.0.0`: the service's own version. */
export async function versionOf(packageRoot: string, name: ImageName): Promise<string> {
  const text = await readFile(join(packageRoot, 'services', name, 'package.json'), 'utf8')
  return packageSchema.parse(JSON.parse(text)).version
}
