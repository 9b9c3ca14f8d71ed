import * as z from 'zod'
import type { ResourceStore } from '../store/resource-store.ts'

/** Images are no terraform resources; id `<path>@<digest>`. */
const imageType = 'sandbox:image'

const imageSchema = z.object({
  /** Where its repository lies in the one store of images: `aws/<account>/<region>/<repository>`. */
  path: z.string(),
  /** `sha256:<64 hexadecimal digits>` */
  digest: z.string(),
  tags: z.array(z.string()),
  mediaType: z.string(),
  /** Its layers and its configuration; an index: the manifest alone. */
  sizeBytes: z.int(),
  pushedAt: z.string(),
})

/** What a registry knows of one manifest that was pushed to it. What has no record cannot be pulled. */
export type Image = z.infer<typeof imageSchema>

type Store = Pick<ResourceStore, 'list' | 'put' | 'delete'>

/** All images below a path: of one repository, of one registry (`azure/<name>`), or of a whole cloud. */
export function imagesBelow(store: Pick<Store, 'list'>, path: string): readonly Image[] {
  return store
    .list(imageType)
    .map(({ attributes }) => imageSchema.parse(attributes))
    .filter(image => image.path === path || image.path.startsWith(`${path}/`))
}

/** One repository's own images, without those of repositories whose names begin with its name. */
export function imagesOf(store: Pick<Store, 'list'>, path: string): readonly Image[] {
  return imagesBelow(store, path).filter(image => image.path === path)
}

/** By digest or by tag. */
export function findImage(store: Pick<Store, 'list'>, path: string, reference: string): Image | undefined {
  return imagesOf(store, path).find(image => image.digest === reference || image.tags.includes(reference))
}

/** A tag names one image of its repository: it leaves the one that had it. */
export function recordImage(store: Store, image: Omit<Image, 'tags'>, tag: string | undefined): void {
  const known = findImage(store, image.path, image.digest)
  const previous = tag === undefined ? undefined : findImage(store, image.path, tag)
  if (tag !== undefined && previous !== undefined && previous.digest !== image.digest)
    put(store, { ...previous, tags: previous.tags.filter(one => one !== tag) })
  const tags = [...new Set([...(known?.tags ?? []), ...(tag === undefined ? [] : [tag])])]
  put(store, { ...image, pushedAt: known?.pushedAt ?? image.pushedAt, tags })
}

/** Takes one tag away; the image stays. */
export function untag(store: Store, image: Image, tag: string): void {
  put(store, { ...image, tags: image.tags.filter(one => one !== tag) })
}

export function forgetImages(store: Store, images: readonly Image[]): void {
  for (const image of images) store.delete(imageType, idOf(image))
}

function put(store: Store, image: Image): void {
  store.put(imageType, idOf(image), imageSchema.parse(image))
}

function idOf(image: Pick<Image, 'path' | 'digest'>): string {
  return `${image.path}@${image.digest}`
}
