import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { ClusterSpec } from '../world.ts'

const port = z.int().min(1).max(65535)
const recordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  key: z.string().regex(/^(aws|gcp|azure)\/[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/),
  cloud: z.enum(['aws', 'gcp', 'azure']),
  name: z.string(),
  version: z.string(),
  serviceCidr: z.string(),
  podCidr: z.string(),
  issuer: z.string().optional(),
  /** `wanted` until its etcd has served once; `leaving`: destroy was asked for; whoever finds this finishes it. */
  state: z.enum(['wanted', 'served', 'leaving']),
  ports: z.strictObject({ api: port, etcd: port, etcdPeer: port, kwok: port }),
  /** Proves to the daemon that a TokenReview comes from this cluster's kube-apiserver. */
  webhookToken: z.string(),
})

/** What has to stay the same for a cluster to survive restarts. */
export type ClusterRecord = z.infer<typeof recordSchema>

const recordFile = 'cluster.json'

/** Absolute folder of one cluster; `key` is `<cloud>/<name>`. */
export function clusterFolder(home: string, key: string): string {
  return join(home, 'clusters', ...key.split('/'))
}

/** A record for a cluster that does not exist yet. */
export function newRecord(key: string, spec: ClusterSpec, ports: ClusterRecord['ports']): ClusterRecord {
  return recordSchema.parse({
    schemaVersion: 1,
    key,
    cloud: spec.cloud,
    name: spec.name,
    version: spec.version,
    serviceCidr: spec.serviceCidr,
    podCidr: spec.podCidr,
    issuer: spec.issuer,
    state: 'wanted',
    ports,
    webhookToken: randomBytes(32).toString('base64url'),
  })
}

/** Written through a rename, so that a crash leaves the old record or the new one. */
export async function writeRecord(home: string, record: ClusterRecord): Promise<void> {
  const folder = clusterFolder(home, record.key)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `.${recordFile}.${process.pid}.tmp`)
  await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
  await rename(temporary, join(folder, recordFile))
}

/** Every cluster below `home`. A folder without a record is what a crash during create left: it is removed. */
export async function readRecords(home: string): Promise<readonly ClusterRecord[]> {
  const records: ClusterRecord[] = []
  for (const cloud of await folders(join(home, 'clusters'))) {
    for (const name of await folders(join(home, 'clusters', cloud))) {
      const folder = join(home, 'clusters', cloud, name)
      const text = await readIfThere(join(folder, recordFile))
      if (text === undefined) await rm(folder, { recursive: true, force: true })
      else records.push(recordSchema.parse(JSON.parse(text)))
    }
  }
  return records
}

async function folders(path: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries.filter(entry => entry.isDirectory()).map(entry => entry.name)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
