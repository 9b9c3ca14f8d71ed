import { type Image, imagesBelow } from '../../../registry/images.ts'
import { block, requiredText, text, textMap } from '../attributes.ts'
import { inLocation, readRoutes } from './resource-api.ts'
import { notFound, type Route } from './routing.ts'

const repositoryType = 'google_artifact_registry_repository'

const repositoryRoutes: readonly Route[] = readRoutes({
  type: repositoryType,
  item: '/v1/projects/{project}/locations/{location}/repositories/{name}',
  list: '/v1/projects/{project}/locations/{location}/repositories',
  listField: 'repositories',
  id: ({ project, location, name }) => `projects/${project}/locations/${location}/repositories/${name}`,
  below: inLocation('location'),
  project: ({ attributes }) => ({
    name: requiredText(attributes, 'id'),
    format: attributes['format'],
    mode: attributes['mode'],
    description: text(attributes, 'description') ?? '',
    labels: textMap(attributes, 'effective_labels'),
    createTime: attributes['create_time'],
    updateTime: attributes['update_time'],
    dockerConfig: { immutableTags: block(attributes, 'docker_config')['immutable_tags'] === true },
  }),
})

/** https://cloud.google.com/artifact-registry/docs/reference/rest/v1 */
export const registryRoutes: readonly Route[] = [
  ...repositoryRoutes,
  {
    method: 'GET',
    path: '/v1/projects/{project}/locations/{location}/repositories/{name}/dockerImages',
    run({ params, world }) {
      const { project, location, name } = params
      const repository = `projects/${project}/locations/${location}/repositories/${name}`
      if (world.store.get(repositoryType, repository) === undefined)
        throw notFound(`Resource '${repository}'`)
      const path = `gcp/${location}/${project}/${name}`
      return {
        dockerImages: imagesBelow(world.store, path).map(image =>
          showImage(image, repository, `${location}-docker.pkg.dev/${project}/${name}`, path),
        ),
      }
    },
  },
]

/** An image's id escapes the slashes of its name. */
function showImage(image: Image, repository: string, host: string, path: string): object {
  const name = image.path.slice(path.length + 1)
  return {
    name: `${repository}/dockerImages/${encodeURIComponent(name)}@${image.digest}`,
    uri: `${host}/${name}@${image.digest}`,
    tags: image.tags,
    imageSizeBytes: String(image.sizeBytes),
    uploadTime: image.pushedAt,
    updateTime: image.pushedAt,
    mediaType: image.mediaType,
  }
}
