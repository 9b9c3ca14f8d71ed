import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createPlayground, type Playground } from '../../../test/support/mlp.ts'
import { eventually } from '../../../test/support/processes.ts'
import { checkAws } from './models/aws-model.ts'
import { checkAzure } from './models/azure-model.ts'
import type { Exchange, Verdict } from './models/exchange.ts'
import { checkGoogle } from './models/google-model.ts'

const run = promisify(execFile)
const minutes = 60_000
const headers = z.record(z.string(), z.string())
const exchangeSchema: z.ZodType<Exchange> = z.object({
  cloud: z.enum(['aws', 'gcp', 'azure']),
  method: z.string(),
  url: z.string(),
  headers,
  requestBody: z.string(),
  status: z.int(),
  responseHeaders: headers,
  responseBody: z.string(),
})
const memory = z.object({
  memoryBytes: z.number(),
  processes: z.array(z.object({ memoryBytes: z.number().nullable() })),
})
const memoryLimitBytes = 3 * 2 ** 30
const checkers = { aws: checkAws, gcp: checkGoogle, azure: checkAzure }

/** Beside what mlp's adapters ask: the guide's commands, and what is not there. */
const commands = {
  // AWS' CLI 1 asks RDS in us-east-1 by its oldest name, whatever AWS_ENDPOINT_URL says.
  aws: [
    'aws sts get-caller-identity',
    'aws eks list-clusters --region us-east-1',
    'aws eks describe-cluster --name ml-platform-dev --region us-east-1',
    '! aws eks describe-cluster --name no-such-cluster --region us-east-1',
    '! aws rds describe-db-instances --db-instance-identifier no-such-database --region us-east-1 --endpoint-url "$AWS_ENDPOINT_URL"',
    'aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier ml-platform-dev --target-db-instance-identifier ml-platform-dev-restored --use-latest-restorable-time --region us-east-1 --endpoint-url "$AWS_ENDPOINT_URL"',
    '! aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier no-such-database --target-db-instance-identifier x --use-latest-restorable-time --region us-east-1 --endpoint-url "$AWS_ENDPOINT_URL"',
    'aws rds delete-db-instance --db-instance-identifier ml-platform-dev-restored --skip-final-snapshot --region us-east-1 --endpoint-url "$AWS_ENDPOINT_URL"',
    '! aws ecr describe-repositories --repository-names no-such-repository --region us-east-1',
    '! aws iam get-role --role-name no-such-role',
    'aws s3 ls',
    'aws eks update-kubeconfig --name ml-platform-dev --region us-east-1',
  ],
  gcloud: [
    'gcloud container clusters list',
    'gcloud container clusters get-credentials ml-platform-dev --region us-central1',
    '! gcloud container clusters describe no-such-cluster --region us-central1',
  ],
  gsutil: ['gsutil ls'],
  az: [
    'az aks list',
    'az storage account list',
    'az group list',
    '! az aks show -g nowhere -n no-such-cluster',
  ],
} as const

describe('a platform from nothing and back, with every API call recorded', () => {
  let playground: Playground
  let verdicts: readonly (Verdict & { readonly exchange: Exchange })[] = []
  let memoryBytes = 0
  const notRun: string[] = []

  beforeAll(async () => {
    playground = await createPlayground()
    const home = join(playground.folder, 'sandbox')
    const file = join(playground.folder, 'exchanges.ndjson')
    await mkdir(home, { mode: 0o700 })
    const entry = fileURLToPath(new URL('recording-daemon.ts', import.meta.url))
    const daemon = spawn(process.execPath, [entry, home, file], {
      env: { ...process.env, ...playground.env },
      stdio: 'inherit',
    })
    daemon.unref()
    await eventually(
      'the recording daemon',
      () => existsSync(join(home, 'daemon.json')) || undefined,
      minutes,
    )
    for (const args of [['bootstrap', '--to', '3', '--yes'], ['verify'], ['bootstrap', '--to', '3', '--yes']])
      await mlp(args)
    const { processes, ...own } = memory.parse(JSON.parse(await mlp(['sandbox', 'status', '--json'])))
    memoryBytes = processes.reduce((sum, one) => sum + (one.memoryBytes ?? 0), own.memoryBytes)
    const environment = await mlp(['sandbox', 'env'])
    for (const [tool, lines] of Object.entries(commands)) {
      if (!(await installed(tool))) {
        notRun.push(tool)
        continue
      }
      for (const line of lines)
        await run('bash', ['-c', `set -e\n${environment}\n${line}`], {
          cwd: playground.folder,
          env: { ...process.env, ...playground.env, KUBECONFIG: join(playground.folder, 'kubeconfig') },
          timeout: minutes,
        })
    }
    await mlp(['teardown', '--yes'])
    await mlp(['bootstrap', '--to', '3', '--yes'])
    await mlp(['teardown', '--yes', '--destroy-data'])
    expect(daemon.exitCode, 'the recording daemon served until the end').toBeNull()
    verdicts = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map(line => exchangeSchema.parse(JSON.parse(line)))
      .map(exchange => ({ ...checkers[exchange.cloud](exchange), exchange }))
  }, 15 * minutes)
  afterAll(() => playground?.dispose(), minutes)

  async function mlp(args: readonly string[]): Promise<string> {
    const finished = await playground.mlp(args)
    expect(finished.exitCode, `mlp ${args.join(' ')}: ${finished.stderr}`).toBe(0)
    return finished.stdout
  }

  test('the whole sandbox with three clusters stays within 3 GiB', () => {
    process.stdout.write(`sandbox with three clusters: ${Math.round(memoryBytes / 2 ** 20)} MiB resident\n`)
    expect(memoryBytes).toBeGreaterThan(2 ** 29)
    expect(memoryBytes).toBeLessThan(memoryLimitBytes)
  })

  test.each(['aws', 'gcp', 'azure'] as const)('every answer of %s is as its published models say', cloud => {
    const own = verdicts.filter(({ exchange }) => exchange.cloud === cloud)
    const checked = own.filter(({ mistakes }) => mistakes !== undefined)
    const unpublished = own.filter(({ mistakes }) => mistakes === undefined)
    const subjects = (of: typeof own) => [...new Set(of.map(({ subject }) => subject))].sort()
    process.stdout.write(
      [
        `${cloud}: ${checked.length} answers to ${subjects(checked).length} operations checked`,
        ...subjects(unpublished).map(subject => `no published model: ${subject}`),
        ...notRun.map(tool => `not run, because it is not on this machine: ${tool}`),
      ]
        .map(line => `${line}\n`)
        .join(''),
    )
    const mistakes = checked.flatMap(({ subject, mistakes = [], exchange }) =>
      mistakes.map(mistake => `${subject} (${exchange.status}): ${mistake}`),
    )
    expect([...new Set(mistakes)].sort()).toEqual([])
    expect(subjects(checked).length).toBeGreaterThan(10)
  })
})

async function installed(tool: string): Promise<boolean> {
  return run('sh', ['-c', `command -v ${tool}`]).then(
    () => true,
    () => false,
  )
}
