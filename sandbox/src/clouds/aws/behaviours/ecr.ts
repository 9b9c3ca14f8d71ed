import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { ecrPrefix } from '../../../registry/ecr.ts'
import { forgetImages, imagesOf } from '../../../registry/images.ts'
import { firstObject, flag, requiredText, text } from '../attributes.ts'
import { arn, mustBeFree, mustExist, parseJson, regionOf, withTags } from '../naming.ts'

const repository: Behaviour = {
  type: 'aws_ecr_repository',
  source:
    'https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html, API_DeleteRepository.html',
  seconds: { create: 2, update: 1, delete: 2 },
  refuses: { create: ['RepositoryAlreadyExistsException'], delete: ['RepositoryNotEmptyException'] },
  validate(configured) {
    const name = text(configured, 'name')
    return name === undefined ||
      (/^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name) &&
        name.length >= 2 &&
        name.length <= 256)
      ? []
      : [{ path: 'name', message: `invalid value for name: "${name}"` }]
  },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    const account = scope.world.secrets.awsAccountId
    mustBeFree(
      scope,
      'aws_ecr_repository',
      name,
      'RepositoryAlreadyExistsException',
      `The repository with name '${name}' already exists in the registry with id '${account}'`,
    )
    return {
      ...withTags(planned, scope),
      encryption_configuration: [
        { encryption_type: 'AES256', kms_key: '', ...firstObject(planned, 'encryption_configuration') },
      ],
      id: name,
      arn: arn(scope, 'ecr', `repository/${name}`),
      registry_id: account,
      repository_url: `${account}.dkr.ecr.${regionOf(scope)}.amazonaws.com/${name}`,
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const name = requiredText(prior, 'name')
    const images = imagesOf(scope.world.store, `${ecrPrefix(scope.world, regionOf(scope))}/${name}`)
    if (images.length > 0 && !flag(prior, 'force_delete'))
      throw new CloudError(
        'RepositoryNotEmptyException',
        `The repository with name '${name}' in registry with id '${scope.world.secrets.awsAccountId}' cannot be deleted because it still contains images`,
      )
    forgetImages(scope.world.store, images)
  },
}

const lifecyclePolicy: Behaviour = {
  type: 'aws_ecr_lifecycle_policy',
  source:
    'https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutLifecyclePolicy.html: puts over what is there',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: [], delete: [] },
  async create(planned, scope) {
    const name = requiredText(planned, 'repository')
    mustExist(
      scope,
      'aws_ecr_repository',
      name,
      'RepositoryNotFoundException',
      `The repository with name '${name}' does not exist`,
    )
    if (parseJson(requiredText(planned, 'policy')) === undefined)
      throw new CloudError(
        'InvalidParameterException',
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure'",
      )
    return { ...planned, id: name, registry_id: scope.world.secrets.awsAccountId }
  },
}

export const ecrBehaviours: readonly Behaviour[] = [repository, lifecyclePolicy]
