import * as z from 'zod'
import { text } from '../clouds/aws/attributes.ts'
import { defaultRegion } from '../clouds/aws/naming.ts'
import type { ApiClient } from '../kubernetes/api-client.ts'
import type { World } from '../world.ts'
import type { Container, Pod, Volume } from './pod.ts'

/** Where containers find the certificate authority that stands for the public ones. */
export const caPath = '/var/run/secrets/sandbox.mlp.dev/ca.pem'
const caVariables = [
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'AWS_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
]

/** Answers with the credentials of the pod's role: EKS' Pod Identity agent. */
export const podIdentityAddress = '169.254.170.23'
export const podIdentityAudience = 'pods.eks.amazonaws.com'

interface Addition {
  readonly env: Readonly<Record<string, string>>
  /** A token of the service account, at a path of its own. */
  readonly token?: {
    readonly volume: string
    readonly folder: string
    readonly file: string
    readonly audience: string
    readonly expirationSeconds: number
  }
}

const accountSchema = z.looseObject({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) }),
})

/** The pod as the cloud's own admission webhooks leave it, and with the sandbox's certificate authority. */
export async function admit(pod: Pod, world: World, key: string, client: ApiClient): Promise<Pod> {
  const [cloud, cluster = ''] = key.split('/')
  const additions: Addition[] = [{ env: Object.fromEntries(caVariables.map(name => [name, caPath])) }]
  if (cloud === 'aws') additions.push(...podIdentity(pod, world, cluster))
  if (cloud === 'azure') additions.push(...(await azureIdentity(pod, world, client)))
  return additions.reduce(withAddition, pod)
}

/** https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html */
function podIdentity(pod: Pod, world: World, cluster: string): readonly Addition[] {
  const { namespace } = pod.metadata
  const isAssociated = world.store
    .list('aws_eks_pod_identity_association')
    .some(
      ({ attributes }) =>
        text(attributes, 'cluster_name') === cluster &&
        text(attributes, 'namespace') === namespace &&
        text(attributes, 'service_account') === pod.spec.serviceAccountName,
    )
  if (!isAssociated) return []
  const folder = '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount'
  const file = 'eks-pod-identity-token'
  const arn = text(world.store.get('aws_eks_cluster', cluster)?.attributes ?? {}, 'arn')
  const region = arn?.split(':')[3] ?? defaultRegion
  return [
    {
      env: {
        AWS_STS_REGIONAL_ENDPOINTS: 'regional',
        AWS_DEFAULT_REGION: region,
        AWS_REGION: region,
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${podIdentityAddress}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${folder}/${file}`,
      },
      token: { volume: file, folder, file, audience: podIdentityAudience, expirationSeconds: 86_400 },
    },
  ]
}

/** https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html */
async function azureIdentity(pod: Pod, world: World, client: ApiClient): Promise<readonly Addition[]> {
  if (pod.metadata.labels['azure.workload.identity/use'] !== 'true') return []
  const clientId = (await annotations(pod, client))['azure.workload.identity/client-id']
  const folder = '/var/run/secrets/azure/tokens'
  const file = 'azure-identity-token'
  return [
    {
      env: {
        ...(clientId === undefined ? {} : { AZURE_CLIENT_ID: clientId }),
        AZURE_TENANT_ID: world.secrets.azureTenantId,
        AZURE_FEDERATED_TOKEN_FILE: `${folder}/${file}`,
        AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
      },
      token: { volume: file, folder, file, audience: 'api://AzureADTokenExchange', expirationSeconds: 3600 },
    },
  ]
}

/** Of the pod's service account. */
export async function annotations(pod: Pod, client: ApiClient): Promise<Readonly<Record<string, string>>> {
  const { namespace } = pod.metadata
  const answer = await client.send(
    'GET',
    `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName}`,
  )
  return accountSchema.safeParse(answer.body).data?.metadata.annotations ?? {}
}

/** What a container says itself stays as it says. */
function withAddition(pod: Pod, { env, token }: Addition): Pod {
  const add = (container: Container): Container => {
    const own = new Set(container.env.map(({ name }) => name))
    const added = Object.entries(env)
      .filter(([name]) => !own.has(name))
      .map(([name, value]) => ({ name, value }))
    const mount = token && {
      ...{ name: token.volume, mountPath: token.folder, readOnly: true, subPath: '' },
    }
    return {
      ...container,
      env: [...container.env, ...added],
      volumeMounts: [...container.volumeMounts, ...(mount === undefined ? [] : [mount])],
    }
  }
  const volume: Volume | undefined = token && {
    name: token.volume,
    projected: {
      sources: [
        {
          serviceAccountToken: {
            audience: token.audience,
            expirationSeconds: token.expirationSeconds,
            path: token.file,
          },
        },
      ],
    },
  }
  return {
    ...pod,
    spec: {
      ...pod.spec,
      initContainers: pod.spec.initContainers.map(add),
      containers: pod.spec.containers.map(add),
      volumes: [...pod.spec.volumes, ...(volume === undefined ? [] : [volume])],
    },
  }
}
