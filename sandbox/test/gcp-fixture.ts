import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { CloudTarget } from '../../src/clouds/target.ts'
import { gcp } from '../src/clouds/gcp/index.ts'
import { createCertificateAuthority, issueCertificate } from '../src/kubernetes/pki.ts'
import { startEmulator } from './emulator.ts'
import { type Harness, startHarness } from './terraform-harness.ts'

export const templates = 'templates/terraform/gcp'

export type EnvironmentName = 'dev' | 'staging' | 'prod'

/** What mlp would write as variables, for one environment. */
export function foundationVariables(project: string, environment: EnvironmentName): Record<string, unknown> {
  return {
    project_id: project,
    region: 'us-central1',
    name: `ml-platform-${environment}`,
    environment,
    labels: labels(environment),
    network_cidr: '10.20.0.0/16',
    pods_cidr: '10.24.0.0/14',
    services_cidr: '10.28.0.0/20',
    bucket_names: {
      models: `ml-platform-${environment}-models-abc123`,
      data: `ml-platform-${environment}-data-abc123`,
      logs: `ml-platform-${environment}-logs-abc123`,
    },
    service_account_ids: {
      nodes: `ml-platform-${environment}-nodes`,
      api_gateway: `ml-platform-${environment}-gateway`,
      model_serving: `ml-platform-${environment}-serving`,
      data_sync: `ml-platform-${environment}-sync`,
      mlflow: `ml-platform-${environment}-mlflow`,
      database_admin: `ml-platform-${environment}-dbadmin`,
    },
    database_name: 'mlplatform',
  }
}

export function clusterVariables(
  project: string,
  environment: EnvironmentName,
  foundation: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return {
    project_id: project,
    region: 'us-central1',
    name: `ml-platform-${environment}`,
    environment,
    labels: labels(environment),
    kubernetes_version: '1.35',
    nodes: { min: 3, max: 6, type: 'e2-standard-4', spot: environment === 'dev' },
    gpu_nodes: environment === 'prod' ? { min: 1, max: 2, type: 'g2-standard-24', spot: false } : null,
    foundation,
  }
}

function labels(environment: string): Record<string, string> {
  return { 'mlp-platform-id': 'mlp-abcdefghij', project: 'ml-platform', environment, owner: 'tests' }
}

export interface GcpHarness extends Harness {
  readonly project: string
  /** What src/ is given for the simulated cloud. */
  readonly target: CloudTarget
}

/** The terraform harness, with Google Cloud's API over TLS and a real object store behind it: fake-gcs-server. */
export async function startGcpHarness(): Promise<GcpHarness> {
  const harness = await startHarness([gcp])
  const { world } = harness
  const authority = await createCertificateAuthority('sandbox test')
  const leaf = await issueCertificate(authority, {
    commonName: '127.0.0.1',
    usage: ['server'],
    ipAddresses: ['127.0.0.1'],
    dnsNames: ['localhost'],
  })
  await writeFile(world.caFile, authority.certificatePem)
  setDefaultCACertificates([...getCACertificates('default'), authority.certificatePem])
  const server = createTlsServer({ cert: leaf.certificatePem, key: leaf.keyPem }, (request, response) => {
    gcp.handle(request, response, world).catch(error => response.destroy(error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the API has no port')
  const url = `https://127.0.0.1:${address.port}`
  const storage = await startEmulator({
    tool: 'fake-gcs-server',
    args: (port, folder) => [
      ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)],
      ...['-public-host', new URL(url).host, '-external-url', url],
      ...['-filesystem-root', folder, '-log-level', 'error'],
    ],
  })
  Object.assign(world.endpoints, { gcs: storage.url, gcp: url })
  return {
    ...harness,
    project: world.secrets.gcpProjectId,
    target: gcp.target(world),
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await harness.close()
      await storage.close()
    },
  }
}
