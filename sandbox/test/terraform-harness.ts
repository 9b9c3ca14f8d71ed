import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { createFaults, type Faults } from '../src/faults.ts'
import type { SimulatedCloud } from '../src/simulated-cloud.ts'
import type { Attributes } from '../src/store/resource-store.ts'
import { openSqliteStore } from '../src/store/sqlite-store.ts'
import { loadSchemas } from '../src/terraform/schema.ts'
import { startProviderServer } from '../src/terraform/server.ts'
import type { ClusterManager, SandboxSecrets, World } from '../src/world.ts'

/**
 * Runs the real terraform against simulated clouds, without the daemon: real provider servers, a real store, a fake
 * cluster manager, local state.
 *
 *     const harness = await startHarness([aws])                   // SimulatedCloud[], one provider each
 *     const root = await harness.root({                           // a folder of ours with its own state
 *       templates: 'templates/terraform/aws/foundation',          // copied; and/or
 *       files: { 'main.tf': '…', 'mlp.tfvars.json': '…' },        // written over it
 *       variables: { region: 'us-east-1' },                       // terraform.tfvars.json
 *     })
 *     await root.init()
 *     await root.apply()                                          // plan and apply, throws with terraform's output
 *     expect(await root.plan()).toEqual([])                       // [{ address, actions, replacePaths }], no-op left out
 *     await root.destroy()
 *     expect(harness.world.store.all()).toEqual([])
 *     await harness.close()
 *
 * A `backend` block of the templates is overridden by a local one. `harness.faults` injects faults, `harness.world` is
 * what behaviours see, `root.run(args)` is any other terraform command. terraform is found on PATH (or TERRAFORM).
 */
export async function startHarness(
  clouds: readonly SimulatedCloud[],
  options: { readonly timeScale?: number; readonly faults?: Faults; readonly world?: Partial<World> } = {},
): Promise<Harness> {
  const home = await mkdtemp(join(tmpdir(), 'mlp-tf-'))
  const store = openSqliteStore(join(home, 'store.sqlite'))
  const faults = options.faults ?? createFaults()
  const log: string[] = []
  const world = {
    ...fakeWorld(home, store, options.timeScale ?? 0, line => log.push(line)),
    ...options.world,
  }
  const servers = await Promise.all(
    clouds.map(async cloud => {
      const schemas = await loadSchemas(cloud.provider, cloud.providerVersion, {
        resources: cloud.behaviours.map(behaviour => behaviour.type),
        dataSources: cloud.dataSources.map(behaviour => behaviour.type),
      })
      return startProviderServer({ cloud, schemas, world, faults }, join(home, `${cloud.name}.sock`))
    }),
  )
  const cliConfig = join(home, 'terraform.rc')
  await writeFile(cliConfig, '')
  const environment = {
    ...process.env,
    TF_REATTACH_PROVIDERS: JSON.stringify(Object.assign({}, ...servers.map(server => server.reattach))),
    TF_CLI_CONFIG_FILE: cliConfig,
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
  }
  let roots = 0
  return {
    world,
    faults,
    log,
    environment,
    async root(contents) {
      const folder = join(home, `root-${roots++}`)
      await mkdir(folder)
      if (contents.templates !== undefined) await cp(contents.templates, folder, { recursive: true })
      for (const [name, text] of Object.entries(contents.files ?? {}))
        await writeFile(join(folder, name), text)
      await writeFile(join(folder, 'harness_override.tf'), 'terraform {\n  backend "local" {}\n}\n')
      if (contents.variables !== undefined)
        await writeFile(join(folder, 'terraform.tfvars.json'), JSON.stringify(contents.variables))
      return terraformRoot(folder, environment)
    },
    async close() {
      for (const server of servers) await server[Symbol.asyncDispose]()
      store[Symbol.dispose]()
      await rm(home, { recursive: true, force: true })
    },
  }
}

export interface Harness {
  readonly world: World
  readonly faults: Faults
  readonly log: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  root(contents: {
    readonly templates?: string
    readonly files?: Readonly<Record<string, string>>
    readonly variables?: Readonly<Record<string, unknown>>
  }): Promise<TerraformRoot>
  close(): Promise<void>
}

export interface TerraformRoot {
  readonly folder: string
  /** Throws TerraformFailed unless it exits 0. Returns standard output. */
  run(args: readonly string[]): Promise<string>
  /** Writes files before the next command. */
  write(files: Readonly<Record<string, string>>): Promise<void>
  init(): Promise<void>
  plan(...args: readonly string[]): Promise<readonly PlannedChange[]>
  apply(...args: readonly string[]): Promise<void>
  destroy(...args: readonly string[]): Promise<void>
  /** Attributes by address, root module only, as `terraform show -json` has them. */
  state(): Promise<Readonly<Record<string, Attributes>>>
}

export class TerraformFailed extends Error {
  readonly output: string
  constructor(args: readonly string[], output: string) {
    super(`terraform ${args.join(' ')} failed:\n${output}`)
    this.name = 'TerraformFailed'
    this.output = output
  }
}

const plannedChange = z
  .object({
    address: z.string(),
    change: z.object({
      actions: z.array(z.string()),
      before: z.record(z.string(), z.unknown()).nullable(),
      after: z.record(z.string(), z.unknown()).nullable(),
      after_unknown: z.unknown(),
      replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
      importing: z.unknown().optional(),
    }),
  })
  .transform(({ address, change }) => ({
    address,
    actions: change.actions.join(' '),
    before: change.before,
    after: change.after,
    unknown: change.after_unknown,
    replacePaths: (change.replace_paths ?? []).map(path => path.join('.')),
    importing: change.importing !== undefined,
  }))
type PlannedChange = z.output<typeof plannedChange>

const planFile = z.object({ resource_changes: z.array(plannedChange).default([]) })
const stateFile = z.object({
  values: z
    .object({
      root_module: z.object({
        resources: z
          .array(z.object({ address: z.string(), values: z.record(z.string(), z.unknown()) }))
          .default([]),
      }),
    })
    .optional(),
})

function terraformRoot(folder: string, environment: NodeJS.ProcessEnv): TerraformRoot {
  const run = (args: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      const file = process.env['TERRAFORM'] ?? 'terraform'
      execFile(
        file,
        [...args],
        { cwd: folder, env: environment, maxBuffer: 256 << 20 },
        (error, stdout, stderr) =>
          error === null ? resolve(stdout) : reject(new TerraformFailed(args, `${stdout}${stderr}`)),
      )
    })
  const quiet = ['-input=false', '-no-color']
  return {
    folder,
    run,
    async write(files) {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    },
    async init() {
      await run(['init', '-reconfigure', ...quiet])
    },
    async plan(...args) {
      await run(['plan', '-out=harness.tfplan', ...quiet, ...args])
      const changes = planFile.parse(
        JSON.parse(await run(['show', '-json', 'harness.tfplan'])),
      ).resource_changes
      return changes.filter(change => !['no-op', 'read'].includes(change.actions) || change.importing)
    },
    async apply(...args) {
      await run(['apply', '-auto-approve', ...quiet, ...args])
    },
    async destroy(...args) {
      await run(['destroy', '-auto-approve', ...quiet, ...args])
    },
    async state() {
      const { values } = stateFile.parse(JSON.parse(await run(['show', '-json'])))
      return Object.fromEntries((values?.root_module.resources ?? []).map(one => [one.address, one.values]))
    },
  }
}

/** A world without processes: nothing in it answers. */
export function fakeWorld(
  home: string,
  store: World['store'],
  timeScale: number,
  log: (line: string) => void,
): World {
  const nowhere = 'https://127.0.0.1:9'
  return {
    store,
    home,
    caPem: '',
    caFile: join(home, 'ca.pem'),
    endpoints: {
      aws: nowhere,
      gcp: nowhere,
      azure: nowhere,
      s3: nowhere,
      gcs: nowhere,
      blob: nowhere,
      proxy: nowhere,
    },
    secrets: testSecrets,
    clusters: fakeClusters(),
    async ensureBlobAccount() {},
    async settled() {},
    timeScale,
    log,
  }
}

/** Stable and worthless. */
export const testSecrets: SandboxSecrets = {
  awsAccountId: '123456789012',
  awsAccessKeyId: 'AKIASANDBOXTEST00000',
  awsSecretAccessKey: 'not-a-secret-only-for-tests',
  gcpProjectId: 'mlp-sandbox',
  tokenSigningKeyPem: '',
  azureSubscriptionId: '00000000-0000-4000-8000-000000000001',
  azureTenantId: '00000000-0000-4000-8000-000000000002',
  azureClientId: '00000000-0000-4000-8000-000000000003',
  azureClientSecret: 'not-a-secret-only-for-tests',
  azureStorageAccountKey: Buffer.from('not-a-secret-only-for-tests').toString('base64'),
}

/** Remembers clusters and nodes instead of starting processes. */
function fakeClusters(): ClusterManager {
  const clusters = new Map<string, { endpoint: string; caPem: string; issuer: string }>()
  return {
    async create(key) {
      const endpoint = clusters.get(key) ?? {
        endpoint: 'https://127.0.0.1:9',
        caPem: '-----BEGIN CERTIFICATE-----\nZmFrZQ==\n-----END CERTIFICATE-----\n',
        issuer: `https://127.0.0.1:9/${key}`,
      }
      clusters.set(key, endpoint)
      return endpoint
    },
    describe: key => clusters.get(key),
    async serviceAccount() {
      return undefined
    },
    auditEvents: async () => [],
    async setNodes() {},
    async apply() {},
    async destroy(key) {
      clusters.delete(key)
    },
  }
}
