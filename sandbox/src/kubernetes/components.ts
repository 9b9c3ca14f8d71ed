import { dirname, join } from 'node:path'
import { auditLogFile } from './audit-events.ts'
import { type ClusterPaths, etcdFolder, issuerOf, stagesFile } from './cluster-files.ts'
import type { ClusterRecord } from './cluster-record.ts'
import type { ProcessSpec } from './process-supervisor.ts'

/** In the order they are started; stopped the other way round. */
export const componentNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
] as const
export type ComponentName = (typeof componentNames)[number]

/** Absolute path of each program. */
export type Programs = Readonly<Record<ComponentName, string>>

/**
 * Go's soft memory limits, which make its garbage collector work harder before memory grows. Measured with three
 * clusters of three nodes: see docs/measurements.md.
 */
const memoryLimit: Readonly<Record<ComponentName, string>> = {
  etcd: '48MiB',
  'kube-apiserver': '256MiB',
  'kube-controller-manager': '64MiB',
  'kube-scheduler': '48MiB',
  kwok: '48MiB',
}

export function processName(key: string, component: ComponentName): string {
  return `clusters/${key}/${component}`
}

/** Everything one control plane runs. Flags are those of Kubernetes 1.35, etcd 3.6 and kwok 0.8. */
export function componentSpecs(
  record: ClusterRecord,
  paths: ClusterPaths,
  programs: Programs,
  reach?: { readonly egressConfiguration: string; readonly localImages: string },
): Readonly<Record<ComponentName, ProcessSpec>> {
  const spec = (component: ComponentName, flags: Readonly<Record<string, string>>): ProcessSpec => ({
    name: processName(record.key, component),
    file: programs[component],
    args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    env: {
      PATH: dirname(programs[component]),
      HOME: paths.folder,
      GOMEMLIMIT: memoryLimit[component],
      GOGC: '50',
      GOMAXPROCS: '2',
    },
    cwd: paths.folder,
    logFile: join(paths.logs, `${component}.log`),
  })
  return {
    etcd: spec('etcd', etcdFlags(record, paths)),
    'kube-apiserver': spec('kube-apiserver', {
      ...apiServerFlags(record, paths),
      // Nodes and pods are reached through the daemon, which is on their network.
      ...(reach === undefined ? {} : { 'egress-selector-config-file': reach.egressConfiguration }),
    }),
    'kube-controller-manager': spec('kube-controller-manager', controllerManagerFlags(record, paths)),
    'kube-scheduler': spec('kube-scheduler', {
      kubeconfig: join(paths.config, 'kube-scheduler.kubeconfig'),
      'leader-elect': 'false',
      'secure-port': '0',
      profiling: 'false',
    }),
    kwok: spec('kwok', {
      kubeconfig: join(paths.config, 'kwok.kubeconfig'),
      config: stagesFile(paths, reach?.localImages),
      cidr: record.podCidr,
      'manage-all-nodes': 'true',
      // A restarted kwok is another holder to these leases and waits until they end, so they are shorter than a kubelet's.
      'node-lease-duration-seconds': '12',
      'server-address': `127.0.0.1:${record.ports.kwok}`,
    }),
  }
}

/** Clients and peers need a certificate of the cluster's etcd authority: nobody else on the machine reads the data. */
function etcdFlags(record: ClusterRecord, paths: ClusterPaths): Readonly<Record<string, string>> {
  const client = `https://127.0.0.1:${record.ports.etcd}`
  const peer = `https://127.0.0.1:${record.ports.etcdPeer}`
  const pki = (file: string) => join(paths.pki, file)
  return {
    name: 'sandbox',
    'data-dir': etcdFolder(paths),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `sandbox=${peer}`,
    'client-cert-auth': 'true',
    'trusted-ca-file': pki('etcd-ca.crt'),
    'cert-file': pki('etcd.crt'),
    'key-file': pki('etcd.key'),
    'peer-client-cert-auth': 'true',
    'peer-trusted-ca-file': pki('etcd-ca.crt'),
    'peer-cert-file': pki('etcd.crt'),
    'peer-key-file': pki('etcd.key'),
    'auto-compaction-mode': 'periodic',
    'auto-compaction-retention': '10m',
    'snapshot-count': '5000',
    'log-level': 'warn',
  }
}

function apiServerFlags(record: ClusterRecord, paths: ClusterPaths): Readonly<Record<string, string>> {
  const pki = (file: string) => join(paths.pki, file)
  const config = (file: string) => join(paths.config, file)
  return {
    'bind-address': '127.0.0.1',
    'secure-port': String(record.ports.api),
    // Service `kubernetes` gets no endpoints: they may not be loopback addresses.
    'advertise-address': '127.0.0.1',
    'endpoint-reconciler-type': 'none',
    'tls-cert-file': pki('kube-apiserver.crt'),
    'tls-private-key-file': pki('kube-apiserver.key'),
    'client-ca-file': pki('ca.crt'),
    'etcd-servers': `https://127.0.0.1:${record.ports.etcd}`,
    'etcd-cafile': pki('etcd-ca.crt'),
    'etcd-certfile': pki('etcd-client.crt'),
    'etcd-keyfile': pki('etcd-client.key'),
    'encryption-provider-config': config('encryption.yaml'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'authentication-token-webhook-config-file': config('token-review.kubeconfig'),
    'authentication-token-webhook-version': 'v1',
    // Short, so that a token that has just ended is refused as soon as the cloud would refuse it.
    'authentication-token-webhook-cache-ttl': '10s',
    'service-account-issuer': issuerOf(record),
    'service-account-key-file': pki('service-account.pub'),
    'service-account-signing-key-file': pki('service-account.key'),
    'service-cluster-ip-range': record.serviceCidr,
    'allow-privileged': 'true',
    'kubelet-client-certificate': pki('kubelet-client.crt'),
    'kubelet-client-key': pki('kubelet-client.key'),
    'kubelet-certificate-authority': pki('ca.crt'),
    'kubelet-preferred-address-types': 'InternalIP',
    'proxy-client-cert-file': pki('front-proxy-client.crt'),
    'proxy-client-key-file': pki('front-proxy-client.key'),
    'requestheader-client-ca-file': pki('front-proxy-ca.crt'),
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'audit-policy-file': config('audit-policy.yaml'),
    'audit-log-path': join(paths.logs, auditLogFile),
    'audit-log-maxsize': '10',
    'audit-log-maxbackup': '1',
    // One client machine: the defaults (400, 200) only cost memory.
    'max-requests-inflight': '200',
    'max-mutating-requests-inflight': '100',
    profiling: 'false',
  }
}

function controllerManagerFlags(
  record: ClusterRecord,
  paths: ClusterPaths,
): Readonly<Record<string, string>> {
  return {
    kubeconfig: join(paths.config, 'kube-controller-manager.kubeconfig'),
    'use-service-account-credentials': 'true',
    'service-account-private-key-file': join(paths.pki, 'service-account.key'),
    'root-ca-file': join(paths.pki, 'ca.crt'),
    // Nobody asks for certificates here, and each signer watches its files: the machine lets a user have few watches.
    controllers: '*,-certificatesigningrequest-signing-controller',
    'cluster-cidr': record.podCidr,
    'allocate-node-cidrs': 'true',
    'service-cluster-ip-range': record.serviceCidr,
    // A new node's not-ready taint goes at this pace.
    'node-monitor-period': '1s',
    'leader-elect': 'false',
    'secure-port': '0',
    profiling: 'false',
  }
}
