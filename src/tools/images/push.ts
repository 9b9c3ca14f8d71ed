import type { Crane } from '../crane.ts'
import type { BuiltImage } from './build.ts'

type Wanted = Pick<BuiltImage, 'version' | 'sources'>

/** `v1.0.0-0123456789ab`: the version and the sources, so that a tag never has to move. */
function tagOf({ version, sources }: Wanted): string {
  return `v${version}-${sources.slice(0, 12)}`
}

/** The digest under which a repository has the image of these sources; undefined when it has not. */
export function findImage(crane: Crane, repository: string, wanted: Wanted): Promise<string | undefined> {
  return crane.digest(`${repository}:${tagOf(wanted)}`)
}

/**
 * Pushes an image and its bill of materials; returns the digest that the repository has for these sources. The plain
 * version tag (`v1.0.0`, the guide's) goes to the first image of a version: the registries' tags are immutable, and
 * what is deployed is named by digest.
 */
export async function pushImage(crane: Crane, repository: string, image: BuiltImage): Promise<string> {
  const there = await findImage(crane, repository, image)
  if (there !== undefined) return there
  await crane.pushLayout(image.sbom.layout, `${repository}@${image.sbom.digest}`)
  // Last, since it is what a later run asks for: whatever is cut short is pushed again.
  await crane.pushLayout(image.layout, `${repository}:${tagOf(image)}`)
  const version = `v${image.version}`
  if ((await crane.digest(`${repository}:${version}`)) === undefined) {
    await crane.tag(`${repository}:${tagOf(image)}`, version)
  }
  return image.digest
}
