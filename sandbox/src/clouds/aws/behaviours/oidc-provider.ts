import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { requiredText, texts } from '../attributes.ts'
import { globalArn, mustBeFree, withTags } from '../naming.ts'

export const oidcProvider: Behaviour = {
  type: 'aws_iam_openid_connect_provider',
  source:
    'https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html: one for each host and path of an issuer',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: ['EntityAlreadyExists'], delete: [] },
  async create(planned, scope) {
    const url = requiredText(planned, 'url')
    if (!/^https:\/\/[^?#]+$/.test(url) || texts(planned, 'client_id_list').length === 0)
      throw new CloudError('InvalidInput', `Invalid Open ID Connect Provider URL ${url}`)
    const name = url.replace(/^https:\/\//, '').replace(/\/$/, '')
    const arn = globalArn(scope.world, 'iam', `oidc-provider/${name}`)
    mustBeFree(
      scope,
      this.type,
      arn,
      'EntityAlreadyExists',
      `Provider with url https://${name} already exists.`,
    )
    return {
      ...withTags(planned, scope),
      id: arn,
      arn,
      // IAM trusts GitHub by its library of authorities; the thumbprint that it fills in counts for nothing.
      thumbprint_list: planned['thumbprint_list'] ?? ['ffffffffffffffffffffffffffffffffffffffff'],
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
}
