import { createHash, randomBytes } from 'node:crypto'
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments, stringify } from 'yaml'
import * as z from 'zod'
import { type ClusterRecord, clusterFolder, readIfThere } from './cluster-record.ts'
import { createCertificateAuthority, createServiceAccountKey, issueCertificate, type KeyPair } from './pki.ts'

/** Where the daemon reviews this cluster's tokens. */
export interface TokenReviewer {
  /** https URL */
  readonly url: string
  /** PEM that proves the daemon's certificate. */
  readonly caPem: string
}

/** Absolute paths of everything a control plane reads. */
export interface ClusterPaths {
  readonly folder: string
  readonly pki: string
  readonly config: string
  readonly data: string
  readonly logs: string
  /** Content of the PersistentVolumes. */
  readonly volumes: string
}

export function clusterPaths(home: string, key: string): ClusterPaths {
  const folder = clusterFolder(home, key)
  const inFolder = (name: string) => join(folder, name)
  return {
    folder,
    pki: inFolder('pki'),
    config: inFolder('config'),
    data: inFolder('data'),
    logs: inFolder('logs'),
    volumes: inFolder('volumes'),
  }
}

/** The last lines of a program's log, for who is told that it does not work; none where it has not begun one. */
export async function endOfLog(file: string): Promise<string> {
  return ((await readIfThere(file)) ?? '').split('\n').slice(-10).join('\n')
}

/** Absolute folder of etcd's data. */
export function etcdFolder(paths: ClusterPaths): string {
  return join(paths.data, 'etcd')
}

/** A RSA key, four authorities and nine leaves: made once, used for the cluster's whole life. */
export async function ensurePki(paths: ClusterPaths, record: ClusterRecord): Promise<void> {
  if (await exists(paths.pki)) return
  const [cluster, etcd, frontProxy, serviceAccount] = await Promise.all([
    createCertificateAuthority(`kubernetes ${record.key}`),
    createCertificateAuthority(`etcd ${record.key}`),
    createCertificateAuthority(`front-proxy ${record.key}`),
    createServiceAccountKey(),
  ])
  const client = (authority: KeyPair, commonName: string, organization?: string) =>
    issueCertificate(authority, {
      commonName,
      ...(organization === undefined ? {} : { organizations: [organization] }),
      usage: ['client'],
    })
  const pairs: Readonly<Record<string, KeyPair>> = {
    ca: cluster,
    'etcd-ca': etcd,
    'front-proxy-ca': frontProxy,
    'kube-apiserver': await issueCertificate(cluster, {
      commonName: 'kube-apiserver',
      usage: ['server'],
      dnsNames: [
        'localhost',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
      ],
      ipAddresses: ['127.0.0.1', firstAddress(record.serviceCidr)],
    }),
    etcd: await issueCertificate(etcd, {
      commonName: 'etcd',
      usage: ['server', 'client'],
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
    }),
    'etcd-client': await client(etcd, 'kube-apiserver'),
    'front-proxy-client': await client(frontProxy, 'front-proxy-client'),
    'kubelet-client': await client(cluster, 'kube-apiserver-kubelet-client'),
    'kube-controller-manager': await client(cluster, 'system:kube-controller-manager'),
    'kube-scheduler': await client(cluster, 'system:kube-scheduler'),
    kwok: await client(cluster, 'sandbox:kwok', 'system:masters'),
    admin: await client(cluster, 'sandbox:daemon', 'system:masters'),
  }
  const unfinished = `${paths.pki}.new`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true, mode: 0o700 })
  for (const [name, pair] of Object.entries(pairs)) {
    await writePrivate(join(unfinished, `${name}.crt`), pair.certificatePem)
    await writePrivate(join(unfinished, `${name}.key`), pair.keyPem)
  }
  await writePrivate(join(unfinished, 'service-account.key'), serviceAccount.privatePem)
  await writePrivate(join(unfinished, 'service-account.pub'), serviceAccount.publicPem)
  await writePrivate(join(unfinished, 'secrets-encryption.key'), randomBytes(32).toString('base64'))
  await rename(unfinished, paths.pki)
}

/** Everything that follows from the record and the PKI; written anew at each start, so that a new sandbox version takes effect. */
export async function writeConfiguration(
  paths: ClusterPaths,
  record: ClusterRecord,
  encryptionKey: string,
  reviewer: TokenReviewer,
  workloads?: { readonly localImages: string; readonly egressSocket: string },
): Promise<void> {
  for (const folder of [paths.config, paths.data, paths.logs]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  for (const user of ['kube-controller-manager', 'kube-scheduler', 'kwok', 'admin']) {
    await writePrivate(
      join(paths.config, `${user}.kubeconfig`),
      stringify(componentKubeconfig(paths, record, user)),
    )
  }
  await writePrivate(
    join(paths.config, 'token-review.kubeconfig'),
    stringify(webhookKubeconfig(record, reviewer)),
  )
  await writePrivate(
    join(paths.config, 'encryption.yaml'),
    stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [
        {
          resources: ['secrets'],
          providers: [
            { secretbox: { keys: [{ name: 'sandbox', secret: encryptionKey }] } },
            { identity: {} },
          ],
        },
      ],
    }),
  )
  await copyFile(own('audit-policy.yaml'), join(paths.config, 'audit-policy.yaml'))
  const stages = await readFile(own('kwok-stages.yaml'), 'utf8')
  await writePrivate(
    stagesFile(paths, workloads?.localImages),
    workloads === undefined ? stages : withoutLocalPods(stages, workloads.localImages),
  )
  if (workloads === undefined) return
  await writePrivate(
    egressFile(paths, workloads.egressSocket),
    stringify({
      apiVersion: 'apiserver.k8s.io/v1beta1',
      kind: 'EgressSelectorConfiguration',
      egressSelections: [
        {
          name: 'cluster',
          connection: {
            proxyProtocol: 'HTTPConnect',
            transport: { uds: { udsName: workloads.egressSocket } },
          },
        },
      ],
    }),
  )
}

/** Another name for another socket, so that a kube-apiserver that read of an older one is replaced. */
export function egressFile(paths: ClusterPaths, socket: string): string {
  return join(paths.config, `egress-${shortHash(socket)}.yaml`)
}

/** Another name for other images that really run, so that a kwok that plays those still is replaced. */
export function stagesFile(paths: ClusterPaths, localImages = ''): string {
  return join(paths.config, `kwok-stages-${shortHash(localImages)}.yaml`)
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

const own = (name: string) => fileURLToPath(new URL(name, import.meta.url))

const stageSchema = z.looseObject({
  spec: z.looseObject({
    resourceRef: z.looseObject({ kind: z.string() }),
    selector: z.looseObject({ matchExpressions: z.array(z.unknown()) }),
  }),
})

/** kwok's stages for pods, but for those with an image that really runs. */
function withoutLocalPods(stages: string, localImages: string): string {
  const documents = parseAllDocuments(stages).map(document => stageSchema.parse(document.toJS()))
  const isOther = {
    key: `.spec.containers[].image | select( test( ${JSON.stringify(localImages)} ) )`,
    operator: 'DoesNotExist',
  }
  for (const { spec } of documents)
    if (spec.resourceRef.kind === 'Pod') spec.selector.matchExpressions.push(isOther)
  return documents.map(document => stringify(document)).join('---\n')
}

function componentKubeconfig(paths: ClusterPaths, record: ClusterRecord, user: string) {
  return kubeconfig(
    { server: apiUrl(record), 'certificate-authority': join(paths.pki, 'ca.crt') },
    {
      'client-certificate': join(paths.pki, `${user}.crt`),
      'client-key': join(paths.pki, `${user}.key`),
    },
  )
}

function webhookKubeconfig(record: ClusterRecord, reviewer: TokenReviewer) {
  return kubeconfig(
    { server: reviewer.url, 'certificate-authority-data': Buffer.from(reviewer.caPem).toString('base64') },
    { token: record.webhookToken },
  )
}

function kubeconfig(cluster: Readonly<Record<string, string>>, user: Readonly<Record<string, string>>) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
    'current-context': 'context',
  }
}

export function apiUrl(record: ClusterRecord): string {
  return `https://127.0.0.1:${record.ports.api}`
}

/** Who vouches for the tokens of its service accounts. */
export function issuerOf(record: ClusterRecord): string {
  return record.issuer ?? apiUrl(record)
}

/** The address of service `kubernetes`: the first of the range. */
function firstAddress(cidr: string): string {
  const octets = (cidr.split('/')[0] ?? '').split('.').map(Number)
  return [...octets.slice(0, 3), (octets[3] ?? 0) + 1].join('.')
}

async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
      throw error
    },
  )
}
