import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { machineType } from '../src/clouds/gcp/machine-types.ts'
import { issueToken } from '../src/clouds/gcp/tokens.ts'
import { type GcpHarness, startGcpHarness } from './gcp-fixture.ts'
import type { TerraformRoot } from './terraform-harness.ts'

const minutes = 60_000
const provider = `
terraform {
  required_providers {
    google = { source = "hashicorp/google" }
  }
}
provider "google" {
  project = "mlp-sandbox"
  region  = "us-central1"
}
`
const network = `
resource "google_compute_network" "n" {
  name                    = "net"
  auto_create_subnetworks = false
}
`
const subnetwork = `
resource "google_compute_subnetwork" "s" {
  name          = "sub"
  network       = google_compute_network.n.id
  ip_cidr_range = "10.0.0.0/20"
  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.4.0.0/14"
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.8.0.0/20"
  }
}
`
const instance = (settings: string) => `
resource "google_sql_database_instance" "d" {
  name                = "db"
  database_version    = "POSTGRES_17"
  deletion_protection = false
  settings {
    ${settings}
  }
}
`
const redis = `
resource "google_redis_cluster" "r" {
  name                        = "cache"
  shard_count                 = 1
  deletion_protection_enabled = false
  psc_configs {
    network = google_compute_network.n.id
  }
}
`
const cluster = (extra: string) => `
resource "google_container_cluster" "c" {
  name                = "one"
  location            = "us-central1"
  network             = google_compute_network.n.id
  subnetwork          = google_compute_subnetwork.s.id
  initial_node_count  = 1
  ${extra}
  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }
}
`
const pool = (extra: string) => `
resource "google_container_node_pool" "p" {
  name    = "general"
  cluster = google_container_cluster.c.id
  ${extra}
}
`

let harness: GcpHarness
beforeAll(async () => {
  harness = await startGcpHarness()
}, minutes)
afterAll(() => harness.close(), minutes)

async function rootOf(configuration: string): Promise<TerraformRoot> {
  for (const { type, id } of harness.world.store.all()) harness.world.store.delete(type, id)
  const root = await harness.root({ files: { 'main.tf': provider + configuration } })
  await root.init()
  return root
}

describe('what Google Cloud refuses to make', () => {
  it.each<[string, string, RegExp]>([
    ['a network name with capitals', network.replace('"net"', '"Net"'), /doesn't match regexp/],
    [
      'two subnets that overlap',
      network +
        subnetwork +
        subnetwork
          .replaceAll('"s"', '"t"')
          .replace('"sub"', '"sub2"')
          .replace('"10.0.0.0/20"', '"10.0.8.0/21"')
          .replace('10.4.0.0', '10.12.0.0')
          .replace('10.8.0.0', '10.9.0.0')
          .concat('\n')
          .replace(
            'network       = google_compute_network.n.id',
            'network       = google_compute_subnetwork.s.network',
          ),
      /conflicts with existing subnetwork/,
    ],
    [
      'a subnet of a network that is not there',
      subnetwork.replace('google_compute_network.n.id', '"projects/mlp-sandbox/global/networks/none"'),
      /networks\/none' was not found/,
    ],
    [
      'a small tier in the default edition of PostgreSQL 17',
      instance('tier = "db-custom-1-3840"'),
      /ENTERPRISE_PLUS/,
    ],
    [
      'a tier with odd memory',
      instance('edition = "ENTERPRISE"\n    tier = "db-custom-2-4000"'),
      /Invalid Tier/,
    ],
    [
      'a private database without the peering',
      network +
        instance(
          'edition = "ENTERPRISE"\n    tier = "db-f1-micro"\n    ip_configuration {\n      ipv4_enabled    = false\n      private_network = google_compute_network.n.id\n    }',
        ),
      /at least 1 private services connection/,
    ],
    ['a Redis cluster without a service connection policy', network + redis, /No service connection policy/],
    [
      'a bucket with a reserved name',
      'resource "google_storage_bucket" "b" {\n  name     = "my-google-bucket"\n  location = "US"\n}\n',
      /cannot begin with goog or hold google/,
    ],
    [
      'a bucket encrypted by a key that Cloud Storage may not use',
      'resource "google_kms_key_ring" "k" {\n  name     = "ring"\n  location = "us-central1"\n}\nresource "google_kms_crypto_key" "k" {\n  name     = "key"\n  key_ring = google_kms_key_ring.k.id\n}\nresource "google_storage_bucket" "b" {\n  name     = "encrypted"\n  location = "US-CENTRAL1"\n  encryption {\n    default_kms_key_name = google_kms_crypto_key.k.id\n  }\n}\n',
      /useToEncrypt' denied/,
    ],
    [
      'a grant to a service account that is not there',
      'resource "google_project_iam_member" "m" {\n  project = "mlp-sandbox"\n  role    = "roles/viewer"\n  member  = "serviceAccount:nobody@mlp-sandbox.iam.gserviceaccount.com"\n}\n',
      /does not exist/,
    ],
    [
      'a workload identity before the first cluster',
      'resource "google_service_account" "a" {\n  account_id = "workload"\n}\nresource "google_service_account_iam_member" "m" {\n  service_account_id = google_service_account.a.name\n  role               = "roles/iam.workloadIdentityUser"\n  member             = "serviceAccount:mlp-sandbox.svc.id.goog[ns/sa]"\n}\n',
      /Identity Pool does not exist/,
    ],
    [
      'a cluster on a range that the subnet lacks',
      network + subnetwork.replace('"services"', '"others"') + cluster('deletion_protection = false'),
      /Secondary range "services" does not exist/,
    ],
    [
      'a node pool of a machine type that is not there',
      network +
        subnetwork +
        cluster('deletion_protection = false') +
        pool('node_config {\n    machine_type = "m6i.large"\n  }'),
      /Machine type with name 'm6i.large' does not exist/,
    ],
    [
      'per-zone and total node counts together',
      network +
        subnetwork +
        cluster('deletion_protection = false') +
        pool('autoscaling {\n    min_node_count       = 1\n    total_max_node_count = 3\n  }'),
      /exclude each other/,
    ],
    [
      'anything in another project',
      'resource "google_compute_network" "n" {\n  name    = "net"\n  project = "another-one"\n}\n',
      /Permission denied on resource project another-one/,
    ],
  ])(
    '%s',
    async (_name, configuration, message) => {
      const root = await rootOf(configuration)
      // terraform wraps its messages at the width of a terminal.
      const refusal = await root.apply().then(
        () => 'applied',
        (error: unknown) => String(error instanceof Error ? error.message : error).replace(/\n[│ ]*/g, ' '),
      )
      expect(refusal).toMatch(message)
    },
    minutes,
  )

  it(
    'a thing whose name is taken, as Google says it',
    async () => {
      await (await rootOf(network)).apply()
      const second = await harness.root({ files: { 'main.tf': provider + network } })
      await second.init()
      await expect(second.apply()).rejects.toThrow(/already exists/)
    },
    minutes,
  )
})

describe('what Google Cloud refuses to delete', () => {
  it(
    'a network that something uses',
    async () => {
      const root = await rootOf(network)
      await root.apply()
      const id = 'projects/mlp-sandbox/global/networks/net'
      harness.world.store.put('google_compute_firewall', 'rule', { id: 'rule', network: id })
      await expect(root.destroy()).rejects.toThrow(/already being used by 'rule'/)
      harness.world.store.delete('google_compute_firewall', 'rule')
      await root.destroy()
      expect(harness.world.store.all()).toEqual([])
    },
    minutes,
  )

  it(
    'a cluster or a database whose lock terraform still holds',
    async () => {
      const root = await rootOf(network + subnetwork + cluster('deletion_protection = true'))
      await root.apply()
      await expect(root.destroy()).rejects.toThrow(/deletion_protection=false/)
    },
    minutes,
  )

  it(
    'the peering of a network whose database was deleted moments ago',
    async () => {
      const peering = `
resource "google_compute_global_address" "a" {
  name          = "range"
  network       = google_compute_network.n.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
}
resource "google_service_networking_connection" "c" {
  network                 = google_compute_network.n.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.a.name]
}
`
      const database = instance(
        'edition = "ENTERPRISE"\n    tier = "db-f1-micro"\n    ip_configuration {\n      ipv4_enabled    = false\n      private_network = google_service_networking_connection.c.network\n    }',
      )
      const root = await rootOf(network + peering + database)
      await root.apply()
      await expect(root.destroy()).rejects.toThrow(/Producer services/)
    },
    minutes,
  )

  it(
    'a key ring: terraform forgets it, and its name stays taken',
    async () => {
      const ring =
        'resource "google_kms_key_ring" "k" {\n  name     = "ring"\n  location = "us-central1"\n}\n'
      const root = await rootOf(ring)
      await root.apply()
      await root.destroy()
      expect(harness.world.store.list('google_kms_key_ring')).toHaveLength(1)
      await expect(root.apply()).rejects.toThrow(/already exists/)
    },
    minutes,
  )
})

describe('plans', () => {
  it(
    'replace what Google cannot change, and change the rest in place',
    async () => {
      const root = await rootOf(network + subnetwork)
      await root.apply()
      await root.write({ 'main.tf': provider + network + subnetwork.replace('"sub"', '"other"') })
      const [replaced] = await root.plan()
      expect(replaced).toMatchObject({
        address: 'google_compute_subnetwork.s',
        actions: 'delete create',
        replacePaths: ['name'],
      })
      await root.write({
        'main.tf': provider + network + subnetwork.replace('10.0.0.0/20', '10.0.0.0/19'),
      })
      const [changed] = await root.plan()
      expect(changed).toMatchObject({ actions: 'update', replacePaths: [] })
    },
    minutes,
  )

  it(
    'show effective labels when they are made, as the provider does',
    async () => {
      const labelled = provider.replace('region  =', 'default_labels = { platform = "p" }\n  region  =')
      const key =
        'resource "google_kms_key_ring" "k" {\n  name     = "ring2"\n  location = "us-central1"\n}\nresource "google_kms_crypto_key" "k" {\n  name     = "key"\n  key_ring = google_kms_key_ring.k.id\n  labels   = { own = "o" }\n}\n'
      const root = await rootOf('')
      await root.write({ 'main.tf': labelled + key })
      const planned = (await root.plan()).find(({ address }) => address === 'google_kms_crypto_key.k')
      expect(planned?.after).toMatchObject({
        effective_labels: { platform: 'p', own: 'o', 'goog-terraform-provisioned': 'true' },
      })
    },
    minutes,
  )
})

describe('machine types', () => {
  it.each([
    ['e2-standard-4', { cpus: 4, memoryGb: 16 }],
    ['n2-highmem-8', { cpus: 8, memoryGb: 64 }],
    ['a2-highgpu-2g', { cpus: 24, memoryGb: 192 }],
    ['m6i.large', undefined],
    ['e2-standard', undefined],
  ])('%s', (name, expected) => {
    expect(machineType(name)).toEqual(expected)
  })
})

describe('the API', () => {
  const ask = (path: string, token = issueToken(harness.world, 60)) =>
    fetch(`${harness.world.endpoints.gcp}${path}`, { headers: { authorization: `Bearer ${token}` } })

  it('answers in Google’s error format', async () => {
    const missing = await ask('/sqladmin/v1/projects/mlp-sandbox/instances/none')
    expect(missing.status).toBe(404)
    expect(await missing.json()).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } })
    const forged = await ask('/sqladmin/v1/projects/mlp-sandbox/instances', 'ya29.e30.forged')
    expect(forged.status).toBe(401)
    const garbage = await ask('/sqladmin/v1/projects/mlp-sandbox/instances', 'ya29.not-json.x')
    expect(garbage.status).toBe(401)
    expect((await ask('/no/such/method')).status).toBe(404)
  })

  it('exchanges only its own refresh token', async () => {
    const response = await fetch(`${harness.world.endpoints.gcp}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'x',
        client_secret: 'y',
        refresh_token: 'z',
      }),
    })
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ error: 'invalid_client' })
  })
})
