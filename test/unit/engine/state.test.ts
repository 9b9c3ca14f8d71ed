import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { canonicalJson, describeChanges, hashOf, secretInput } from '../../../src/engine/inputs.ts'
import type { Json, JsonObject } from '../../../src/engine/json.ts'
import { openState, type StateStore } from '../../../src/engine/state.ts'
import type { StateDocument, StepRecord } from '../../../src/engine/state-document.ts'
import { temporaryFolder } from './support.ts'

const options = { mlpVersion: '0.1.0', platformId: 'mlp-test' }
const record = {
  state: 'done',
  inputs: { a: 1 },
  inputsHash: hashOf({ a: 1 }),
  outputs: { endpoint: 'x' },
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:01:00.000Z',
  runId: 'r',
}

async function open(file: string): Promise<StateStore> {
  return openState({ ...options, file })
}

async function begin(state: StateStore, step = '1.aws.net', inputs: Json = { a: 1 }): Promise<void> {
  await state.begin(step, { fingerprint: state.fingerprint(inputs), runId: 'r', why: 'not there yet' })
}

describe('the file', () => {
  test('is private, in a private folder, and holds what contract.md says', async () => {
    const folder = join(await temporaryFolder(), 'sandbox', 'ml-platform-dev')
    const state = await open(join(folder, 'state.json'))
    await begin(state)
    await state.succeed('1.aws.net', { outputs: { endpoint: 'x' }, why: 'not there yet' })
    expect((await stat(state.file)).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect(JSON.parse(await readFile(state.file, 'utf8'))).toMatchObject({
      schemaVersion: 1,
      mlpVersion: '0.1.0',
      platformId: 'mlp-test',
      steps: {
        '1.aws.net': {
          state: 'done',
          inputs: { a: 1 },
          inputsHash: hashOf({ a: 1 }),
          outputs: { endpoint: 'x' },
          startedAt: expect.any(String),
          finishedAt: expect.any(String),
          runId: 'r',
        },
      },
    })
    expect((await open(state.file)).get('1.aws.net')).toEqual(state.get('1.aws.net'))
  })

  test('shows a step as running before it ends, keeping what it returned the last time', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    const state = await open(file)
    await begin(state)
    expect((await open(file)).get('1.aws.net')).toMatchObject({
      state: 'running',
      finishedAt: null,
      outputs: {},
    })
    await state.succeed('1.aws.net', { outputs: { endpoint: 'x' }, why: '' })
    await begin(state)
    expect((await open(file)).get('1.aws.net')).toMatchObject({
      state: 'running',
      outputs: { endpoint: 'x' },
    })
  })

  test('a success forgets the error before it; forget() forgets the step', async () => {
    const state = await open(join(await temporaryFolder(), 'state.json'))
    await begin(state)
    await state.fail('1.aws.net', { code: 'MLP3004', summary: 'no quota' })
    expect(state.get('1.aws.net')).toMatchObject({ state: 'failed', error: { code: 'MLP3004' } })
    await state.succeed('1.aws.net', { outputs: {}, why: '' })
    expect(state.get('1.aws.net')).not.toHaveProperty('error')
    await state.forget('1.aws.net')
    expect((await open(state.file)).all().size).toBe(0)
  })

  test('ending what has not begun is a bug', async () => {
    const state = await open(join(await temporaryFolder(), 'state.json'))
    await expect(state.succeed('1.aws.net', { outputs: {}, why: '' })).rejects.toThrow('without having begun')
  })

  test('confirming keeps when it was done, and by which run', async () => {
    const state = await open(join(await temporaryFolder(), 'state.json'))
    await begin(state)
    await state.succeed('1.aws.net', { outputs: {}, why: 'first' })
    const before = state.get('1.aws.net')
    const fingerprint = state.fingerprint({ a: 1 })
    await state.confirm('1.aws.net', { fingerprint, runId: 'later', why: 'skipped' }, { new: true })
    expect(state.get('1.aws.net')).toMatchObject({
      runId: 'r',
      why: 'first',
      finishedAt: before?.finishedAt,
      outputs: { new: true },
    })
  })

  test('that the world confirmed what was known is written with the next change, or when it is settled', async () => {
    const state = await open(join(await temporaryFolder(), 'state.json'))
    for (const step of ['1.aws.net', '1.aws.other']) {
      await begin(state, step)
      await state.succeed(step, { outputs: { of: step }, why: 'first' })
    }
    const written = async () => (await open(state.file)).get('1.aws.net')
    const before = await written()
    const begun = { fingerprint: state.fingerprint({ a: 1 }), runId: 'later', why: 'skipped' }
    const confirm = (outputs: JsonObject) => state.confirm('1.aws.net', begun, outputs)
    const calm = () => vi.waitUntil(() => Date.parse(before?.checkedAt ?? '') < Date.now())

    await calm()
    await confirm({ of: '1.aws.net' })
    expect(await written()).toEqual(before)
    await state.forget('1.aws.other')
    const after = await written()
    expect(after).toEqual({ ...before, checkedAt: expect.not.stringMatching(before?.checkedAt ?? '') })

    await confirm({ of: '1.aws.net' })
    await state.settle()
    expect((await written())?.runId).toBe(before?.runId)
    const { ino } = await stat(state.file)
    await state.settle()
    expect((await stat(state.file)).ino, 'there is nothing to write').toBe(ino)
    await confirm({ of: 'something new' })
    expect((await written())?.outputs).toEqual({ of: 'something new' })
  })

  test('changes made side by side are all kept', async () => {
    const state = await open(join(await temporaryFolder(), 'state.json'))
    const steps = Array.from({ length: 20 }, (_, index) => `1.aws.step-${index}`)
    await Promise.all(steps.map(step => begin(state, step)))
    expect([...(await open(state.file)).all().keys()].sort()).toEqual(steps.sort())
  })
})

test('changes that wait for the disk together are written at once; one that is a bug harms no other', async () => {
  const state = await open(join(await temporaryFolder(), 'state.json'))
  const written: StateDocument[] = []
  await state.share({ fence: 1, seen: undefined, push: document => void written.push(document) })
  const steps = ['a', 'b', 'c', 'd'].map(name => `1.aws.${name}`)
  const ends = await Promise.allSettled([
    ...steps.map(step => begin(state, step)),
    state.succeed('1.aws.never-begun', { outputs: {}, why: '' }),
  ])
  expect(ends.map(({ status }) => status)).toEqual([...steps.map(() => 'fulfilled'), 'rejected'])
  expect([...state.all().keys()]).toEqual(steps)
  expect(written.map(({ revision }) => revision)).toEqual([1])
})

describe('what another machine recorded', () => {
  const stepOf = (runId: string): StepRecord => ({
    ...record,
    state: 'done',
    runId,
    checkedAt: null,
    by: 'grace@b',
    why: '',
  })
  const other = (fence: number, revision: number, platformId = options.platformId): StateDocument => ({
    schemaVersion: 1,
    ...options,
    platformId,
    fence,
    revision,
    steps: { '1.gcp.net': stepOf('other') },
  })

  test.each([
    [0, 9, false],
    [3, 1, false],
    [3, 2, false],
    [3, 3, true],
    [4, 0, true],
  ])('of fence %i, revision %i, beside this machine’s 3, 2: taken is %s', async (fence, revision, taken) => {
    const file = join(await temporaryFolder(), 'state.json')
    await writeFile(file, JSON.stringify({ ...other(3, 2), steps: { '1.aws.net': stepOf('own') } }))
    const state = await open(file)
    expect(await state.adopt(other(fence, revision))).toBe(taken)
    expect([...state.all().keys()]).toEqual([taken ? '1.gcp.net' : '1.aws.net'])
    expect(state.fence()).toBe(taken ? fence : 3)
    await begin(state, '1.azure.net')
    expect([...(await open(file)).all().keys()]).toEqual([taken ? '1.gcp.net' : '1.aws.net', '1.azure.net'])
  })

  test('of another platform: refused with exit 2', async () => {
    const state = await open(join(await temporaryFolder(), 'state.json'))
    await expect(state.adopt(other(1, 1, 'mlp-other'))).rejects.toMatchObject({
      code: 'MLP5213',
      exitCode: 2,
    })
  })

  test('every change carries the fencing number, counts up, and is handed on once it is on the disk', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    const state = await open(file)
    await begin(state, '1.aws.net')
    const pushed: StateDocument[] = []
    await state.share({ fence: 5, seen: undefined, push: document => pushed.push(document) })
    await begin(state, '1.gcp.net')
    expect(pushed.map(({ fence, revision }) => [fence, revision])).toEqual([
      [5, 1],
      [5, 2],
    ])
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(pushed.at(-1))
  })

  test('nothing is handed on that is there already, nor when there is nothing', async () => {
    const pushed: StateDocument[] = []
    const push = (document: StateDocument) => pushed.push(document)
    const state = await open(join(await temporaryFolder(), 'state.json'))
    await state.share({ fence: 1, seen: undefined, push })
    await state.adopt(other(1, 1))
    await state.share({ fence: 2, seen: other(1, 1), push })
    expect(pushed).toEqual([])
  })
})

describe('secrets', () => {
  test('are kept as keyed hashes: in no file as they are, and a change of one is still seen', async () => {
    const folder = await temporaryFolder()
    const state = await open(join(folder, 'state.json'))
    const inputs = (password: string) => ({ list: [{ password: secretInput(password) }], size: 1 })
    await begin(state, '1.aws.net', inputs('hunter2'))
    for (const name of await readdir(folder)) {
      expect(await readFile(join(folder, name), 'utf8')).not.toContain('hunter2')
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
    }
    const again = await open(state.file)
    expect(again.fingerprint(inputs('hunter2')).hash).toBe(state.get('1.aws.net')?.inputsHash)
    const changed = again.fingerprint(inputs('hunter3'))
    expect(describeChanges(state.get('1.aws.net')?.inputs ?? null, changed.inputs)).toEqual([
      'list[0].password (a secret) changed',
    ])
    const other = await open(join(await temporaryFolder(), 'state.json'))
    expect(other.fingerprint(inputs('hunter2')).hash).not.toBe(state.get('1.aws.net')?.inputsHash)
  })

  test('a damaged key is replaced: secret inputs then count as changed, nothing worse', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    const before = (await open(file)).fingerprint(secretInput('x')).hash
    await writeFile(`${file}.key`, 'garbage')
    const after = await open(file)
    expect(after.fingerprint(secretInput('x')).hash).not.toBe(before)
    expect((await open(file)).fingerprint(secretInput('x')).hash).toBe(
      after.fingerprint(secretInput('x')).hash,
    )
  })
})

describe('a file that is not as it should be', () => {
  test.each([
    ['cut in the middle', '{"schemaVersion":1,"ste'],
    ['empty', ''],
    ['not an object', '[]'],
    ['without a version', '{"steps":{}}'],
    [
      'with a strange step',
      JSON.stringify({ schemaVersion: 1, ...options, steps: { a: { state: 'great' } } }),
    ],
  ])('%s: kept beside, reported, and begun anew', async (_, text) => {
    const folder = await temporaryFolder()
    const file = join(folder, 'state.json')
    await writeFile(file, text)
    const state = await open(file)
    const kept = (await readdir(folder)).find(name => name.startsWith('state.json.damaged-'))
    expect(await readFile(join(folder, kept ?? ''), 'utf8')).toBe(text)
    expect(state.notices).toHaveLength(1)
    expect(state.notices[0]).toContain(kept)
    expect(state.all().size).toBe(0)
    await begin(state)
    expect((await open(file)).notices).toEqual([])
  })

  test('from a newer mlp: refused with exit 2, untouched', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    const text = JSON.stringify({ schemaVersion: 2, mlpVersion: '9.1.0', steps: {} })
    await writeFile(file, text)
    await expect(open(file)).rejects.toMatchObject({
      code: 'MLP5210',
      exitCode: 2,
      message: expect.stringContaining('mlp 9.1.0'),
    })
    expect(await readFile(file, 'utf8')).toBe(text)
    await writeFile(file, JSON.stringify({ schemaVersion: 7 }))
    await expect(open(file)).rejects.toThrow('a newer mlp')
  })

  test('from an older one: migrated, with a backup', async () => {
    const folder = await temporaryFolder()
    const file = join(folder, 'state.json')
    const text = JSON.stringify({ schemaVersion: 0, ...options, steps: { '1.aws.net': record } })
    await writeFile(file, text)
    const state = await open(file)
    expect(state.get('1.aws.net')).toMatchObject({ ...record, checkedAt: record.finishedAt, by: 'unknown' })
    const backup = (await readdir(folder)).find(name => name.startsWith('state.json.version-0-'))
    expect(await readFile(join(folder, backup ?? ''), 'utf8')).toBe(text)
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ schemaVersion: 1 })
    expect((await open(file)).notices).toEqual([])
  })

  test('of another platform: refused with exit 2', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    await begin(await open(file))
    await expect(openState({ ...options, platformId: 'mlp-other', file })).rejects.toMatchObject({
      code: 'MLP5213',
      exitCode: 2,
    })
  })

  test('a folder in its place cannot be read: said so', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    await mkdir(file)
    await expect(open(file)).rejects.toMatchObject({ code: 'MLP5212' })
  })
})

describe('a disk that takes no more', () => {
  // A full disk is a size limit of the process here: writes beyond it fail, with the same paths taken as for ENOSPC.
  test('an error with a remedy; the old state is intact and later changes are written again', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    const script = `
      import { openState } from ${JSON.stringify(join(import.meta.dirname, '../../../src/engine/state.ts'))}
      process.on('SIGXFSZ', () => {})
      const state = await openState({ file: process.argv[1], mlpVersion: '0.1.0', platformId: 'mlp-test' })
      const begin = (step, inputs) => state.begin(step, { fingerprint: state.fingerprint(inputs), runId: 'r', why: '' })
      await begin('1.aws.small', { a: 1 })
      const error = await begin('1.aws.large', { a: 'x'.repeat(100000) }).catch(error => error)
      await begin('1.aws.second', { a: 2 })
      console.log(JSON.stringify({ code: error.code, summary: error.message, detail: error.detail, steps: [...state.all().keys()] }))
    `
    const result = await runShell(`ulimit -f 40; exec "$NODE" --input-type=module -e "$SCRIPT" "$FILE"`, {
      NODE: process.execPath,
      SCRIPT: script,
      FILE: file,
    })
    expect(result.stderr).toBe('')
    expect(JSON.parse(result.stdout)).toMatchObject({
      code: 'MLP5211',
      summary: expect.stringContaining('cannot be written'),
      detail: expect.stringContaining('What was recorded before is intact.'),
      steps: ['1.aws.small', '1.aws.second'],
    })
    const state = await open(file)
    expect(state.notices).toEqual([])
    expect([...state.all().keys()]).toEqual(['1.aws.small', '1.aws.second'])
    expect((await readdir(join(file, '..'))).sort()).toEqual(['state.json', 'state.json.key'])
  })

  test.runIf(process.platform === 'linux')('/dev/full says that the disk is full', async () => {
    const { diskProblem } = await import('../../../src/engine/disk-problem.ts')
    const error = await writeFile('/dev/full', 'x').catch((thrown: unknown) => thrown)
    expect(diskProblem('MLP5211', '/p/state.json', error)).toMatchObject({
      code: 'MLP5211',
      message: expect.stringMatching(/^The disk is full/),
      remedy: expect.arrayContaining([expect.stringContaining('df -h /p')]),
    })
  })

  test.skipIf(process.getuid?.() === 0)('a folder that may not be written in: said so', async () => {
    const folder = await temporaryFolder()
    const state = await open(join(folder, 'state.json'))
    await chmod(folder, 0o500)
    await expect(begin(state)).rejects.toMatchObject({ code: 'MLP5211' })
    await chmod(folder, 0o700)
  })
})

test('kill -9 at any moment: the file is whole, and holds all that was acknowledged', async () => {
  const folder = await temporaryFolder()
  const file = join(folder, 'state.json')
  const fixture = join(import.meta.dirname, 'fixtures/state-writer.ts')
  let writes = 0
  // At different moments, and until enough was written to tell, however slow the disk is.
  for (let kill = 0; kill < 12 || writes <= 20; kill++) {
    const acknowledged = await writeUntilKilled(fixture, file, 20 + ((kill * 37) % 150))
    writes += acknowledged + 1
    const state = await open(file)
    expect(state.notices).toEqual([])
    for (const [, step] of state.all()) expect(['running', 'done']).toContain(step.state)
    // The next turn writes another step, so this record is as the acknowledged turn left it.
    if (acknowledged >= 0) {
      const last = state.get(`1.aws.step-${acknowledged % 50}`)
      expect(last).toMatchObject({ state: 'done', runId: String(acknowledged) })
    }
  }
  const left = (await readdir(folder)).filter(name => name.endsWith('.tmp'))
  expect(left, 'what killed writers left is removed').toEqual([])
}, 180_000)

/** Resolves to the last turn that the writer acknowledged before it was killed, -1 for none. */
function writeUntilKilled(fixture: string, file: string, afterMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fixture, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
      output += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', () => {
      const whole = output.slice(0, output.lastIndexOf('\n') + 1)
      resolve(Number(/(\d+)\n$/.exec(whole)?.[1] ?? -1))
    })
  })
}

function runShell(script: string, env: Record<string, string>): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', script], { env: { PATH: process.env['PATH'], ...env } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', () => resolve({ stdout, stderr }))
  })
}

describe('inputs', () => {
  const json = fc.jsonValue({ maxDepth: 3 }).map(value => JSON.parse(JSON.stringify(value)) as Json)
  test('equal exactly when nothing is said to have changed, whatever the order of keys', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(describeChanges(before, before)).toEqual([])
        expect(describeChanges(before, after).length > 0).toBe(hashOf(before) !== hashOf(after))
      }),
    )
    expect(canonicalJson({ b: 1, a: [null, 'x'], c: undefined })).toBe('{"a":[null,"x"],"b":1}')
  })

  test.each<[Json, Json, string[]]>([
    [{ a: 1 }, { a: 1, b: 'x' }, ['b added: x']],
    [{ a: 1, b: undefined }, {}, ['a removed']],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, ['a.b[1] 2 -> 3']],
    [[1], [1, 2], ['inputs [1] -> [1,2]']],
    [{ a: 'x'.repeat(60) }, { a: 'y' }, [`a ${'x'.repeat(39)}… -> y`]],
    [{ a: 1 }, { a: { $secretHash: 'f00' } }, ['a 1 -> (a secret)']],
  ])('%j -> %j', (before, after, said) => {
    expect(describeChanges(before, after)).toEqual(said)
  })
})
