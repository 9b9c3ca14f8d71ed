import { createHash } from 'node:crypto'
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import { parseJson } from '../../engine/json.ts'
import { runCommand } from '../../tools/exec.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { whatIsTested } from './needs.ts'
import { failed, type Outcome, passed, skipped } from './outcome.ts'
import { runTests } from './run-tests.ts'
import { validationStep } from './validation-step.ts'

/**
 * The services' own tests that need nothing but Node: no emulator, no database, no other process. The rest of their
 * suites, which do, is `npm test -- services`.
 */
const units = {
  'api-gateway': ['authentication', 'choose-version', 'circuit-breaker', 'gcra'],
  'data-sync': ['plan'],
  kit: ['redact-secrets', 'settings'],
  'model-serving': ['batcher', 'float16', 'json', 'samples'],
} as const
type Service = keyof typeof units

/** They take half a minute where nothing else runs, and may wait long where much does. */
const timeoutMs = 900_000
/** Behind whatever else this machine does: load is being measured. */
const niceness = 10
const reportSchema = z.looseObject({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  testResults: z.array(
    z.looseObject({
      name: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.looseObject({
          status: z.string(),
          fullName: z.string(),
          failureMessages: z.array(z.string()).default([]),
        }),
      ),
    }),
  ),
})
const coverageSchema = z.record(
  z.string(),
  z.looseObject({
    lines: z.looseObject({ total: z.number(), covered: z.number() }),
    branches: z.looseObject({ total: z.number(), covered: z.number() }),
  }),
)

/** Guide, phase 7, step 1. Runs where the services' sources and their test runner are; says so where they are not. */
export function unitsStep(config: Config): PlatformStep {
  const names = Object.keys(units) as Service[]
  return validationStep({
    name: 'services-unit',
    cloud: 'all',
    title: 'Unit tests of the services',
    // The platform comes first: building it takes the machine.
    needs: configuredClouds(config).flatMap(cloud => whatIsTested(config, cloud)),
    clouds: context => [...context.clouds.keys()].slice(0, 1),
    of: context => sourcesHash(rootOf(context)),
    async run(context, _clients, where, progress) {
      const missing = await missingTool(rootOf(context))
      let ran: Promise<Ran> | undefined
      const once = () => {
        ran ??= runAll(context, where.step)
        return ran
      }
      progress.report('running the services’ unit tests')
      return await runTests(
        context,
        where,
        names.map(name => ({
          name,
          title: `Unit tests of ${name}`,
          deadlineMs: timeoutMs + 30_000,
          run: async () => (missing === undefined ? outcomeOf(name, await once()) : skipped(missing)),
        })),
        undefined,
      )
    },
  })
}

function rootOf({ templates }: Pick<Context, 'templates'>): string {
  return join(templates, '..')
}

async function missingTool(root: string): Promise<string | undefined> {
  try {
    await access(join(root, 'node_modules', 'vitest', 'vitest.mjs'))
    await access(join(root, 'services', 'api-gateway', 'test'))
    return undefined
  } catch {
    return 'mlp is installed here without its development dependencies: `npm ci` in its repository brings them'
  }
}

interface Ran {
  readonly root: string
  readonly report: z.output<typeof reportSchema> | undefined
  readonly coverage: z.output<typeof coverageSchema> | undefined
  readonly said: string
}

async function runAll(context: Context, step: string): Promise<Ran> {
  const root = rootOf(context)
  const folder = await mkdtemp(join(tmpdir(), 'mlp-units-'))
  try {
    const reportFile = join(folder, 'report.json')
    const { stdout, stderr } = await runCommand(context, {
      file: process.execPath,
      args: [
        ...[join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'services'],
        ...['--reporter', 'json', '--outputFile', reportFile],
        ...['--coverage.enabled', '--coverage.provider', 'v8', '--coverage.reporter', 'json-summary'],
        ...['--coverage.include', 'services/*/src/**/*.ts', '--coverage.reportsDirectory', folder],
        ...['--coverage.thresholds.100=false', '--maxWorkers', '2'],
        ...Object.entries(units).flatMap(([name, files]) =>
          files.map(file => `services/${name}/test/${file}.test.ts`),
        ),
      ],
      cwd: root,
      env: { NO_COLOR: '1', CI: 'true', ...withoutPlatform() },
      onStart: pid => setPriority(pid, niceness),
      // Failing tests are an answer.
      acceptExitCodes: [0, 1],
      timeoutMs,
      step,
    })
    const read = async (file: string) => parseJson(await readFile(join(folder, file), 'utf8').catch(() => ''))
    return {
      root,
      report: reportSchema.safeParse(await read('report.json')).data,
      coverage: coverageSchema.safeParse(await read('coverage-summary.json')).data,
      said: `${stdout}\n${stderr}`.trim().slice(-500),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Variables of the platform that the services' own tests must not find. */
function withoutPlatform(): Readonly<Record<string, undefined>> {
  const named = /^(AWS_|AZURE_|GOOGLE_|HTTPS?_PROXY$|ALL_PROXY$|NODE_V8_COVERAGE$|VITEST)/i
  return Object.fromEntries(
    Object.keys(process.env)
      .filter(name => named.test(name))
      .map(name => [name, undefined]),
  )
}

function outcomeOf(name: Service, { root, report, coverage, said }: Ran): Outcome {
  const folder = join(root, 'services', name)
  const files = report?.testResults.filter(file => file.name.startsWith(join(folder, 'test')))
  const wanted = `${units[name].length} files of tests that pass`
  if (files === undefined || files.length === 0) return failed(wanted, `none ran: ${said}`)
  const tests = files.flatMap(file => file.assertionResults)
  const bad = tests.filter(({ status }) => status === 'failed')
  const broken = files.filter(file => file.assertionResults.length === 0)
  if (bad.length > 0 || broken.length > 0 || files.length !== units[name].length) {
    const first = bad[0]
    const why =
      first === undefined ? broken[0]?.message : `${first.fullName}: ${first.failureMessages[0] ?? ''}`
    return failed(
      wanted,
      `${bad.length} tests failed, ${files.length} files ran. ${(why ?? '').slice(0, 300)}`,
    )
  }
  return passed(`${tests.length} tests in ${files.length} files${covered(join(folder, 'src'), coverage)}`)
}

function covered(source: string, coverage: Ran['coverage']): string {
  const files = Object.entries(coverage ?? {}).filter(([file]) => file.startsWith(source))
  if (files.length === 0) return '; their coverage is not known'
  const share = (what: 'lines' | 'branches') => {
    const total = files.reduce((sum, [, file]) => sum + file[what].total, 0)
    const hit = files.reduce((sum, [, file]) => sum + file[what].covered, 0)
    return total === 0 ? 100 : Math.round((100 * hit) / total)
  }
  return `; they alone cover ${share('lines')} % of the lines, ${share('branches')} % of the branches`
}

/** Other sources, or other tests, are to be tested again. */
async function sourcesHash(root: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of Object.keys(units)) {
    for (const part of ['src', 'test']) {
      const folder = join(root, 'services', name, part)
      const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
      const paths = files.filter(file => file.isFile()).map(file => join(file.parentPath, file.name))
      for (const path of paths.sort()) hash.update(path.slice(root.length)).update(await readFile(path))
    }
  }
  return hash.digest('hex').slice(0, 16)
}
