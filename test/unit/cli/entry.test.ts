import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { showError } from '../../../src/cli/show-error.ts'
import { MlpError } from '../../../src/engine/errors.ts'
import { quietIo } from './harness.ts'

const run = promisify(execFile)
const entry = join(import.meta.dirname, '../../../bin/mlp.js')
const machinesNode = '/usr/bin/node'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-entry-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

describe('bin/mlp.js as a program', () => {
  test('exits with the code of the command, and shows no stack trace for what a person can cause', async () => {
    await writeFile(join(folder, 'mlp.yaml'), 'apiVersion: mlp.dev/v1\n')
    const failed = run(process.execPath, [entry, 'status'], { cwd: folder })
    await expect(failed).rejects.toMatchObject({ code: 2, stdout: '' })
    const { stderr } = await failed.catch(error => error)
    expect(stderr).toMatch(/^Error MLP1004: mlp.yaml has 2 mistakes/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  test.runIf(process.platform === 'linux').each([
    ['a full disk under standard output', '> /dev/full', 3, /^Error MLP5215: The disk is full\n/],
    ['a full disk under standard error', '2> /dev/full --config nowhere.yaml', 2, /^$/],
    ['a reader that has seen enough', '| true; exit "$PIPESTATUS"', 0, /^$/],
  ])('%s: an exit code that fits, and no stack trace', async (_, redirection, code, said) => {
    const empty = await mkdtemp(join(folder, 'empty-'))
    const shell = spawnSync('bash', ['-c', `"$0" "$1" status ${redirection}`, process.execPath, entry], {
      cwd: empty,
      encoding: 'utf8',
    })
    expect({ code: shell.status, said: shell.stderr }).toEqual({ code, said: expect.stringMatching(said) })
    expect(shell.stderr).not.toMatch(/^\s+at /m)
  })

  test('a working folder that was removed is told', () => {
    const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" status'
    const shell = spawnSync('sh', ['-c', script, process.execPath, entry], { cwd: folder, encoding: 'utf8' })
    expect(shell.status, shell.stderr).toBe(2)
    expect(shell.stderr).toMatch(/^Error MLP1015: /)
    expect(shell.stderr).not.toMatch(/^\s+at /m)
  })

  test('help is the same whether the build printed it or the program does', async () => {
    const { stdout: atOnce } = await run(process.execPath, [entry, '--help'])
    const { stdout: parsed } = await run(process.execPath, [entry, '--help', '--no-color'])
    expect(atOnce).toBe(parsed)
  })

  test.skipIf(!existsSync(machinesNode))(
    'runs with the package’s own Node where the machine’s is too old',
    async () => {
      const { stdout } = await run(machinesNode, [entry, '--version'])
      expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    },
  )
})

describe('an error', () => {
  const known = new MlpError({
    code: 'MLP3001',
    summary: 'credentials have ended',
    detail: 'ExpiredToken',
    remedy: ['aws sso login'],
    command: 'terraform plan',
  })

  test('shows code, summary, detail, command and remedy, and exits as it says', () => {
    const { io, out, err } = quietIo('/')
    expect(showError(known, { json: false, verbose: false }, io)).toBe(3)
    expect(err()).toBe(
      'Error MLP3001: credentials have ended\n\n  ExpiredToken\n\nCommand:\n  terraform plan\n\nWhat to do:\n  - aws sso login\n\nMore: mlp help MLP3001\n',
    )
    expect(out()).toBe('')
  })

  test('is data on stdout with --json', () => {
    const { io, out } = quietIo('/')
    showError(known, { json: true, verbose: false }, io)
    expect(JSON.parse(out())).toMatchObject({
      schemaVersion: 1,
      error: { code: 'MLP3001', owner: 'operator', retryable: false, remedy: ['aws sso login'] },
    })
  })

  test('that nobody foresaw is called a bug, with its trace in a private file', async () => {
    const { io, err } = quietIo('/')
    expect(showError(new TypeError('x is undefined'), { json: false, verbose: false }, io)).toBe(1)
    const text = err()
    expect(text).toMatch(/^Error MLP9000: this is a bug in mlp\n\n {2}x is undefined/)
    expect(text).not.toMatch(/^\s+at /m)
    const file = /Report it with (\S+)\.\n/.exec(text)?.[1] ?? ''
    expect(await readFile(file, 'utf8')).toMatch(/TypeError: x is undefined\n\s+at /)
    await rm(file)
  })

  test('shows its trace with --verbose', () => {
    const { io, err } = quietIo('/')
    showError(known, { json: false, verbose: true }, io)
    expect(err()).toMatch(/^\s+at /m)
  })
})
