import { generateKeyPairSync, randomBytes, randomInt, randomUUID } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { createCertificateAuthority, issueCertificate, type KeyPair } from './kubernetes/pki.ts'
import { findFreePorts } from './kubernetes/ports.ts'
import type { SandboxSecrets } from './world.ts'

const secretsSchema: z.ZodType<SandboxSecrets> = z.strictObject({
  awsAccountId: z.string(),
  awsAccessKeyId: z.string(),
  awsSecretAccessKey: z.string(),
  gcpProjectId: z.string(),
  tokenSigningKeyPem: z.string(),
  azureSubscriptionId: z.string(),
  azureTenantId: z.string(),
  azureClientId: z.string(),
  azureClientSecret: z.string(),
  azureStorageAccountKey: z.string(),
})

const portNames = ['aws', 'gcp', 'azure', 's3', 'gcs', 'blob', 'proxy', 'github'] as const
export type PortName = (typeof portNames)[number]
const port = z.int().positive()
const portsSchema = z.strictObject({
  aws: port,
  gcp: port,
  azure: port,
  s3: port,
  gcs: port,
  blob: port,
  proxy: port,
  github: port,
})
/** As sandboxes wrote it that had no GitHub yet. */
const earlierPorts = portsSchema.partial({ github: true })
const keyPairSchema = z.strictObject({ certificatePem: z.string(), keyPem: z.string() })
const socketsSchema = z.strictObject({ folder: z.string() })

/** What a sandbox is made of before it does anything; made at the first start, the same ever after. */
export interface SandboxHome {
  /** Absolute. */
  readonly folder: string
  readonly secrets: SandboxSecrets
  readonly ports: Readonly<Record<PortName, number>>
  readonly authority: KeyPair
  readonly caFile: string
  /** For the listeners on 127.0.0.1. */
  readonly server: KeyPair
  /** For `*.blob.core.windows.net`, and where azurite reads it. */
  readonly blob: KeyPair
  /** Short and private, for unix sockets, whose paths may hold 100 bytes only. */
  readonly socketFolder: string
}

export async function openHome(folder: string): Promise<SandboxHome> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const kept = <T>(name: string, schema: z.ZodType<T>, make: () => T | Promise<T>) =>
    keep(join(folder, name), schema, make)
  const secrets = await kept('secrets.json', secretsSchema, newSecrets)
  const ports = await openPorts(join(folder, 'ports.json'))
  const authority = await kept('ca-key.json', keyPairSchema, () =>
    createCertificateAuthority('mlp sandbox certificate authority'),
  )
  const caFile = join(folder, 'ca.pem')
  await writeFile(caFile, authority.certificatePem, { mode: 0o644 })
  const server = await kept('server-key.json', keyPairSchema, () =>
    issueCertificate(authority, {
      commonName: 'mlp sandbox',
      usage: ['server'],
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
    }),
  )
  const blob = await kept('blob-key.json', keyPairSchema, () =>
    issueCertificate(authority, {
      commonName: 'blob.core.windows.net',
      usage: ['server'],
      dnsNames: ['*.blob.core.windows.net', 'localhost'],
      ipAddresses: ['127.0.0.1'],
    }),
  )
  return {
    folder,
    secrets,
    ports,
    authority,
    caFile,
    server,
    blob,
    socketFolder: await openSocketFolder(join(folder, 'sockets.json')),
  }
}

/** The same ports ever after; what was added since they were chosen gets one, too. */
async function openPorts(file: string): Promise<SandboxHome['ports']> {
  const text = await readIfThere(file)
  const known = text === undefined ? {} : earlierPorts.parse(JSON.parse(text))
  const missing = portNames.filter(name => !(name in known))
  if (text !== undefined && missing.length === 0) return portsSchema.parse(known)
  const free = await findFreePorts(missing.length, new Set(Object.values(known)))
  const ports = portsSchema.parse({
    ...known,
    ...Object.fromEntries(missing.map((name, index) => [name, free[index]])),
  })
  await writeAtomically(file, JSON.stringify(ports))
  return ports
}

/** The same folder again where it is still there and ours, since `/tmp` may have been cleaned. */
async function openSocketFolder(file: string): Promise<string> {
  const text = await readIfThere(file)
  const known = text === undefined ? undefined : socketsSchema.parse(JSON.parse(text)).folder
  if (known !== undefined && (await isOurs(known))) return known
  const folder = await mkdtemp(join(tmpdir(), 'mlp-'))
  await writeAtomically(file, JSON.stringify({ folder }))
  return folder
}

async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch((error: unknown) => ignoreMissing(error))
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
}

async function keep<T>(file: string, schema: z.ZodType<T>, make: () => T | Promise<T>): Promise<T> {
  const text = await readIfThere(file)
  if (text !== undefined) return schema.parse(JSON.parse(text))
  const made = await make()
  await writeAtomically(file, JSON.stringify(made))
  return made
}

/** Mode 0600; whole or not at all. */
export async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.new`
  await writeFile(temporary, text, { mode: 0o600, flush: true })
  await rename(temporary, file)
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => ignoreMissing(error))
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

function newSecrets(): SandboxSecrets {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    awsAccountId: String(randomInt(100_000_000_000, 999_999_999_999)),
    awsAccessKeyId: `AKIA${randomText('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}`,
    awsSecretAccessKey: randomBytes(30).toString('base64'),
    gcpProjectId: `mlp-sandbox-${randomText('abcdefghijklmnopqrstuvwxyz', 6)}`,
    tokenSigningKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    azureSubscriptionId: randomUUID(),
    azureTenantId: randomUUID(),
    azureClientId: randomUUID(),
    azureClientSecret: randomBytes(30).toString('base64url'),
    azureStorageAccountKey: randomBytes(64).toString('base64'),
  }
}

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}
