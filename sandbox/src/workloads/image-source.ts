import { join } from 'node:path'
import type { ImageStore } from '../registry/image-store.ts'
import { findImage } from '../registry/images.ts'
import { findRegistry } from '../registry/listener.ts'
import type { World } from '../world.ts'
import { fetchImage, type PulledImage } from './images.ts'
import { ContainerProblem } from './pod.ts'
import { pullRefusal } from './pull-permission.ts'
import type { Recipe, RecipePrograms } from './recipes/recipe.ts'
import { makeRecipeImage } from './recipes/recipe-image.ts'
import { findRecipe } from './recipes/recipes.ts'

/** Where the containers of a cluster get their images. */
export interface ImageSource {
  /** Throws ContainerProblem with the words of the kubelet and of the registry. */
  pull(image: string, onWait: (message: string) => void): Promise<PulledImage & { readonly id: string }>
}

/** Pulls with the identity of a cluster's nodes. */
export function createImageSource(
  world: World,
  images: ImageStore,
  clusterKey: string,
  recipes: readonly Recipe[],
  programs: Pick<RecipePrograms, 'find'>,
): ImageSource {
  const folder = join(world.home, 'workloads', 'images')
  return {
    async pull(image, onWait) {
      const recipe = findRecipe(recipes, image)
      if (recipe !== undefined)
        return makeRecipeImage(recipe, image, programs, folder, onWait).catch((error: unknown) => {
          const why = error instanceof Error ? error.message : String(error)
          throw new ContainerProblem('ErrImagePull', `failed to make image "${image}": ${why}`)
        })
      const { host, repository, reference } = parseReference(image)
      const fail = (message: string) =>
        new ContainerProblem('ErrImagePull', `failed to pull and unpack image "${image}": ${message}`)
      const unresolved = (why: string) => fail(`failed to resolve reference "${image}": ${why}`)
      const registry = findRegistry(host, world)
      if (registry === undefined) throw unresolved(`dial tcp: lookup ${host}: no such host`)
      const refusal = pullRefusal(world, clusterKey, host, repository)
      if (refusal !== undefined)
        throw unresolved(
          `unexpected status from HEAD request to https://${host}/v2/${repository}/manifests/${reference}: ${refusal}`,
        )
      const path = `${registry.prefix}/${repository}`
      const found =
        registry.missing(repository) === undefined ? findImage(world.store, path, reference) : undefined
      if (found === undefined) throw unresolved(`${image}: not found`)
      try {
        const socket = await images.socket()
        const pulled = await fetchImage({ socket, path, digest: found.digest }, folder)
        return { ...pulled, id: `${host}/${repository}@${found.digest}` }
      } catch (error) {
        throw fail(error instanceof Error ? error.message : String(error))
      }
    },
  }
}

function parseReference(image: string): {
  readonly host: string
  readonly repository: string
  readonly reference: string
} {
  const [, host, repository, tag, digest] =
    /^([a-z0-9.-]+)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(
      image,
    ) ?? []
  if (host === undefined || repository === undefined)
    throw new ContainerProblem(
      'InvalidImageName',
      `Failed to apply default image tag "${image}": couldn't parse image name`,
    )
  return { host, repository, reference: digest ?? tag ?? 'latest' }
}

/**
 * Regular expression of the images that really run: those in this sandbox's own registries, and those that there are
 * recipes for. kwok plays all others.
 */
export function localImages(
  secrets: Pick<World['secrets'], 'awsAccountId' | 'gcpProjectId'>,
  recipes: readonly Recipe[],
): string {
  const hosts = [
    `${secrets.awsAccountId}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com`,
    `[a-z0-9-]+-docker\\.pkg\\.dev/${secrets.gcpProjectId}`,
    '[a-z0-9]{5,50}\\.azurecr\\.io',
  ]
  return [`^(${hosts.join('|')})/`, ...recipes.map(({ images }) => images)].join('|')
}
