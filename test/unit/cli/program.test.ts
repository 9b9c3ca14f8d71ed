import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { runCommandLine } from '../../../src/cli/main.ts'
import { manual } from '../../../src/cli/manual.ts'
import * as options from '../../../src/cli/options.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { quietIo } from './harness.ts'

/** What a command line means, without doing it. */
async function parse(line: string) {
  const calls: { command: string; given: Readonly<Record<string, unknown>> }[] = []
  const written: string[] = []
  const program = createProgram(
    async (command, given) => {
      calls.push({ command, given })
    },
    { version: '0', writeOut: text => written.push(text), writeErr: text => written.push(text) },
  )
  try {
    await program.parseAsync(line.split(' '), { from: 'user' })
  } catch (error) {
    return { calls, text: written.join(''), error }
  }
  return { calls, text: written.join(''), error: undefined }
}

const schemas = {
  init: options.initOptions,
  login: options.loginOptions,
  doctor: options.doctorOptions,
  plan: options.planOptions,
  bootstrap: options.bootstrapOptions,
  phase: options.phaseOptions,
  verify: options.verifyOptions,
  status: options.statusOptions,
  teardown: options.teardownOptions,
  report: options.reportOptions,
  render: options.renderOptions,
  token: options.tokenOptions,
  unlock: options.unlockOptions,
  sandbox: options.sandboxOptions,
  completion: options.completionOptions,
} as const

test('every command of docs/TROUBLESHOOTING.md is understood', async () => {
  const page = await readFile(new URL('../../../docs/TROUBLESHOOTING.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```/gms)]
  const lines = new Set(blocks.flatMap(([, block = '']) => block.trim().split('\n')))
  expect(lines.size).toBeGreaterThan(10)
  for (const line of lines) {
    const { calls, error } = await parse(line.slice('mlp '.length))
    expect(error, line).toBeUndefined()
    const schema = Object.entries(schemas).find(([name]) => name === calls[0]?.command)?.[1]
    if (!line.startsWith('mlp help')) expect(schema?.safeParse(calls[0]?.given).success, line).toBe(true)
  }
})

describe('every example of help is understood', () => {
  const examples = Object.entries(manual).flatMap(([command, { examples }]) =>
    examples.map(({ line }) => ({ command, line: /mlp [^)"]+/.exec(line)?.[0].slice(4).trim() ?? '' })),
  )
  test.each(examples)('mlp $line', async ({ command, line }) => {
    const { calls, error } = await parse(line)
    expect(error).toBeUndefined()
    if (command === 'help') return
    expect(calls).toHaveLength(1)
    expect(calls[0]?.command).toBe(command)
    const schema = Object.entries(schemas).find(([name]) => name === command)?.[1]
    expect(schema?.safeParse(calls[0]?.given).success).toBe(true)
  })

  test('every command has three or four, and says what it changes or costs', async () => {
    for (const [command, { examples }] of Object.entries(manual)) {
      expect([3, 4]).toContain(examples.length)
      const { text } = await parse(`${command} --help`)
      expect(text).toMatch(/[Cc]hanges|[Ww]rites|[Dd]eletes|[Rr]emoves|[Ss]tarts|Not there yet/)
      expect(text).toContain('Examples:')
    }
  })
})

describe('flags', () => {
  const given = async (line: string) => (await parse(line)).calls[0]?.given

  test('global flags are understood before and after the command', async () => {
    const expected = { json: true, env: 'prod', target: 'cloud', config: 'x.yaml' }
    expect(await given('--json --env prod --target cloud --config x.yaml status')).toMatchObject(expected)
    expect(await given('status --json --env prod --target cloud --config x.yaml')).toMatchObject(expected)
  })

  test('phases by number and by name', async () => {
    expect(await given('phase mesh')).toMatchObject({ phase: 4 })
    expect(await given('bootstrap --from 1 --to kubernetes')).toMatchObject({ from: 1, to: 2 })
  })

  test('clouds add up, each once; addresses add up', async () => {
    expect(await given('plan --cloud aws,gcp --cloud aws')).toMatchObject({ cloud: ['aws', 'gcp'] })
    expect(await given('teardown --allow-replace a --allow-replace b')).toMatchObject({
      allowReplace: ['a', 'b'],
    })
  })

  test.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
  ])('--wait %s is %d ms', async (text, wait) => {
    expect(await given(`verify --wait ${text}`)).toMatchObject({ wait })
  })

  test('what nobody said is safe', () => {
    expect(options.teardownOptions.parse({})).toMatchObject({
      yes: false,
      destroyData: false,
      finalSnapshot: true,
      allowReplace: [],
      allowProduction: false,
    })
  })
})

describe('a wrong command line exits 2 and says what was meant', () => {
  test.each([
    ['teardwn', /unknown command 'teardwn'\n\(Did you mean teardown\?\)/],
    ['status --jsn', /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    ['status --env qa', /Allowed choices are dev, staging, prod/],
    ['phase 9', /Phases are 1 to 8, or infrastructure/],
    ['phase', /missing required argument 'phase'/],
    ['plan --cloud aws,oracle', /'oracle' is none of aws, gcp, azure/],
    ['verify --wait soon', /A time is like 90s, 5m or 1h/],
    ['sandbox strat', /Did you mean start\?/],
    ['token aws', /missing required argument 'cluster'/],
    ['help teardwn', /no help on 'teardwn'; there is: init/],
    ['help MLP9999', /no help on 'MLP9999'; there is: .+ exit-codes, errors/],
  ])('mlp %s', async (line, expected) => {
    const { io, out, err } = quietIo('/')
    expect(await runCommandLine(line.split(' '), io)).toBe(2)
    expect(err()).toMatch(expected)
    expect(out()).toBe('')
  })
})

describe('what is answered at once', () => {
  test.each([
    [[], /^Usage: mlp/],
    [['--help'], /^Usage: mlp/],
    [['--version'], /^0.0.0-test\n$/],
    [['help', 'exit-codes'], /5 {4}a gate refused/],
    [['help', 'sandbox', 'reset'], /^Usage: mlp sandbox reset/],
    [
      ['help', 'errors'],
      /\nMLP3xxx {2}Clouds: .+\n {2}MLP3001 {2}The cloud does not accept the credentials\n/,
    ],
    [['help', 'mlp3001'], /^MLP3001: The cloud does not accept the credentials\n[\s\S]+\nExit code: 3\n$/],
  ])('mlp %j', async (args, expected) => {
    const { io, out } = quietIo('/')
    expect(await runCommandLine(args, io)).toBe(0)
    expect(out()).toMatch(expected)
  })
})

test('every command that documentation of a platform is made with is understood', async () => {
  const folder = new URL('../../../templates/docs/', import.meta.url)
  const pages = await Promise.all(
    (await readdir(folder)).map(name => readFile(new URL(name, folder), 'utf8')),
  )
  const texts = pages.flatMap(page => [
    ...[...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.trim().split('\n')),
    ...[...page.matchAll(/`(mlp [^`]+)`/g)].map(([, line = '']) => line),
  ])
  const lines = texts
    .filter(line => line.startsWith('mlp '))
    .map(line => line.replace('{{env}}', ' --env prod').replace('{{some-cloud}}', 'aws'))
  expect(lines.length).toBeGreaterThan(10)
  for (const line of lines) expect((await parse(line.slice('mlp '.length))).error, line).toBeUndefined()
})
