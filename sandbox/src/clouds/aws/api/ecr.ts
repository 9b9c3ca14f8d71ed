import { CloudError } from '../../../behaviour.ts'
import { ecrAuthorization, ecrPrefix } from '../../../registry/ecr.ts'
import { findImage, forgetImages, type Image, imagesOf, untag } from '../../../registry/images.ts'
import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import { firstObject, flag, objects, text, texts } from '../attributes.ts'
import { inRegion, tagsOf } from '../naming.ts'
import type { ApiScope } from './answer.ts'
import type { Operation } from './operation.ts'

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference */
export const ecrOperations: Readonly<Record<string, Operation>> = {
  GetAuthorizationToken: (_input, { world, region }) => ecrAuthorization(world, region),
  DescribeRepositories: (input, scope) => {
    const wanted = texts(input, 'repositoryNames')
    const all = inRegion(scope.world, 'aws_ecr_repository', scope.region)
    const missing = wanted.find(name => !all.some(repository => repository.id === name))
    if (missing !== undefined) throw repositoryNotFound(missing, scope)
    return {
      repositories: all
        .filter(repository => wanted.length === 0 || wanted.includes(repository.id))
        .map(showRepository),
    }
  },
  GetLifecyclePolicy: (input, { world }) => {
    const name = text(input, 'repositoryName') ?? ''
    const policy = world.store.get('aws_ecr_lifecycle_policy', name)
    if (policy === undefined)
      throw new CloudError(
        'LifecyclePolicyNotFoundException',
        `Lifecycle policy does not exist for the repository with name '${name}'`,
      )
    return { repositoryName: name, lifecyclePolicyText: text(policy.attributes, 'policy') }
  },
  ListTagsForResource: (input, { world }) => {
    const repository = world.store
      .list('aws_ecr_repository')
      .find(one => one.attributes['arn'] === input['resourceArn'])
    const tags = repository === undefined ? {} : tagsOf(repository)
    return { tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }
  },
  ListImages: (input, scope) => ({ imageIds: images(input, scope).flatMap(imageIds) }),
  DescribeImages: (input, scope) => {
    const all = images(input, scope)
    const wanted = objects(input, 'imageIds')
    const chosen = wanted.map(one => {
      const found = all.find(image => names(one, image))
      if (found === undefined)
        throw new CloudError(
          'ImageNotFoundException',
          `The image with imageId {imageDigest:'${text(one, 'imageDigest') ?? 'null'}', imageTag:'${text(one, 'imageTag') ?? 'null'}'} does not exist within the repository with name '${text(input, 'repositoryName')}' in the registry with id '${scope.world.secrets.awsAccountId}'`,
        )
      return found
    })
    return {
      imageDetails: (wanted.length === 0 ? all : chosen).map(image => ({
        registryId: scope.world.secrets.awsAccountId,
        repositoryName: text(input, 'repositoryName'),
        imageDigest: image.digest,
        ...(image.tags.length === 0 ? {} : { imageTags: image.tags }),
        imageSizeInBytes: image.sizeBytes,
        imagePushedAt: Date.parse(image.pushedAt) / 1000,
        imageManifestMediaType: image.mediaType,
      })),
    }
  },
  BatchDeleteImage: (input, scope) => {
    const { store } = scope.world
    const all = images(input, scope)
    const gone = objects(input, 'imageIds').flatMap(one => {
      const image = all.find(candidate => names(one, candidate))
      if (image === undefined) return []
      const tag = text(one, 'imageTag')
      const known = findImage(store, image.path, image.digest)
      if (known === undefined) return []
      // By a tag, only the tag goes, unless it is the last one.
      if (tag !== undefined && known.tags.length > 1) untag(store, known, tag)
      else forgetImages(store, [known])
      return [{ imageDigest: image.digest, ...(tag === undefined ? {} : { imageTag: tag }) }]
    })
    return { imageIds: gone, failures: [] }
  },
}

function images(input: Attributes, scope: ApiScope): readonly Image[] {
  const name = text(input, 'repositoryName') ?? ''
  const exists = inRegion(scope.world, 'aws_ecr_repository', scope.region).some(one => one.id === name)
  if (!exists) throw repositoryNotFound(name, scope)
  return imagesOf(scope.world.store, `${ecrPrefix(scope.world, scope.region)}/${name}`)
}

function imageIds({ digest, tags }: Image): readonly object[] {
  return tags.length === 0
    ? [{ imageDigest: digest }]
    : tags.map(imageTag => ({ imageDigest: digest, imageTag }))
}

function names(id: Attributes, image: Image): boolean {
  const [digest, tag] = [text(id, 'imageDigest'), text(id, 'imageTag')]
  return digest === undefined ? image.tags.includes(tag ?? '') : digest === image.digest
}

function showRepository({ id, attributes, createdAt }: StoredResource): object {
  return {
    repositoryName: id,
    repositoryArn: text(attributes, 'arn'),
    repositoryUri: text(attributes, 'repository_url'),
    registryId: text(attributes, 'registry_id'),
    createdAt: Date.parse(createdAt) / 1000,
    imageTagMutability: text(attributes, 'image_tag_mutability'),
    imageScanningConfiguration: {
      scanOnPush: flag(firstObject(attributes, 'image_scanning_configuration'), 'scan_on_push'),
    },
  }
}

function repositoryNotFound(name: string, { world }: ApiScope): CloudError {
  return new CloudError(
    'RepositoryNotFoundException',
    `The repository with name '${name}' does not exist in the registry with id '${world.secrets.awsAccountId}'`,
  )
}
