import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  makeFolder,
  removeLeftTemporaries,
  systemErrorCode,
  writeFileAtomically,
} from '../../../src/engine/atomic-file.ts'
import { diskProblem, writing } from '../../../src/engine/disk-problem.ts'
import { temporaryFolder } from './support.ts'

const root = process.getuid?.() === 0
const mode = async (path: string) => (await stat(path)).mode & 0o777

describe('a file written at once', () => {
  test('is private, with the folders on the way to it, and nothing is left beside it', async () => {
    const folder = await temporaryFolder()
    const file = join(folder, 'a', 'b', 'state.json')
    await writeFileAtomically(file, 'one')
    await writeFileAtomically(file, 'two')
    expect(await readFile(file, 'utf8')).toBe('two')
    expect([await mode(file), await mode(join(folder, 'a')), await mode(join(folder, 'a', 'b'))]).toEqual([
      0o600, 0o700, 0o700,
    ])
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['state.json'])
  })

  test('replaces one that others could read by a private one', async () => {
    const file = join(await temporaryFolder(), 'state.json')
    await writeFile(file, 'old', { mode: 0o644 })
    await writeFileAtomically(file, 'new')
    expect(await mode(file)).toBe(0o600)
  })

  test('that cannot take its place leaves what was there, and nothing beside it', async () => {
    const folder = await temporaryFolder()
    const inTheWay = join(folder, 'state.json')
    await mkdir(join(inTheWay, 'something'), { recursive: true })
    await expect(writeFileAtomically(inTheWay, 'new')).rejects.toMatchObject({ code: 'EISDIR' })
    expect(await readdir(inTheWay)).toEqual(['something'])
    expect(await readdir(folder)).toEqual(['state.json'])
  })

  test('what a killed writer left is removed, and no other file', async () => {
    const folder = await temporaryFolder()
    const names = ['state.json', 'state.json.77.tmp', 'state.json.damaged', 'other.json.77.tmp', 'state.tmp']
    for (const name of names) await writeFile(join(folder, name), name)
    await removeLeftTemporaries(join(folder, 'state.json'))
    expect((await readdir(folder)).toSorted()).toEqual(
      names.filter(name => name !== 'state.json.77.tmp').toSorted(),
    )
  })
})

describe('a folder', () => {
  test('is made with those above it, and may be there; a file in the way is an error', async () => {
    const folder = await temporaryFolder()
    await Promise.all([makeFolder(join(folder, 'a', 'b')), makeFolder(join(folder, 'a', 'c'))])
    await makeFolder(join(folder, 'a', 'b'))
    expect([await mode(join(folder, 'a')), await mode(join(folder, 'a', 'b'))]).toEqual([0o700, 0o700])
    await writeFile(join(folder, 'file'), '')
    await expect(makeFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeFolder(join(folder, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  test('is made by several at once, whoever makes the one above it', async () => {
    const folder = await temporaryFolder()
    for (let round = 0; round < 200; round++) {
      const wanted = join(folder, String(round), 'a', 'b', 'c')
      await Promise.all([1, 2, 3, 4].map(() => makeFolder(wanted)))
    }
    expect(await readdir(folder)).toHaveLength(200)
  })

  test.runIf(process.platform === 'linux')(
    'cannot be made below /proc, and that is said at once',
    async () => {
      await expect(makeFolder('/proc/nope/log')).rejects.toMatchObject({ code: 'ENOENT' })
    },
  )
})

describe('a disk that cannot be written', () => {
  test('is said to be full when it is, with what is safe and what to do', async () => {
    const wrote = writing('MLP5211', '/dev/full', () => writeFile('/dev/full', 'more than there is room for'))
    await expect(wrote).rejects.toMatchObject({
      code: 'MLP5211',
      message: 'The disk is full: /dev/full cannot be written',
      detail: expect.stringMatching(/^ENOSPC.+ What was recorded before is intact\.$/),
      remedy: [expect.stringContaining('df -h /dev'), expect.stringContaining('run the same command again')],
      cause: expect.objectContaining({ code: 'ENOSPC' }),
    })
  })

  test('is full for this user, too, when a quota is used up', () => {
    const quota = Object.assign(new Error('EDQUOT: disk quota exceeded'), { code: 'EDQUOT' })
    expect(diskProblem('MLP5211', '/home/me/state.json', quota)).toMatchObject({
      message: 'The disk is full: /home/me/state.json cannot be written',
    })
  })

  test.skipIf(root)(
    'is not said to be full when it is somebody else’s (skipped as root, who may write)',
    async () => {
      const folder = await temporaryFolder()
      await chmod(folder, 0o500)
      const file = join(folder, 'state.json')
      await expect(writing('MLP5224', file, () => writeFileAtomically(file, 'x'))).rejects.toMatchObject({
        code: 'MLP5224',
        message: `${file} cannot be written`,
        detail: expect.stringMatching(/^EACCES/),
        remedy: [`Make it writable for you: ls -ld ${folder} ${file}`],
      })
      await chmod(folder, 0o700)
    },
  )

  test('stays a bug where it is one, and what was written is handed on', async () => {
    const bug = new TypeError('x is undefined')
    await expect(writing('MLP5211', 'state.json', () => Promise.reject(bug))).rejects.toBe(bug)
    await expect(writing('MLP5211', 'state.json', async () => 'written')).resolves.toBe('written')
  })
})

test.each([
  [Object.assign(new Error('no such file'), { code: 'ENOENT' }), 'ENOENT'],
  [Object.assign(new Error('a status, not a code'), { code: 404 }), undefined],
  [new Error('no code'), undefined],
  [{ code: 'ENOENT' }, undefined],
  [undefined, undefined],
])('the system’s code of %o is %s', (error, code) => {
  expect(systemErrorCode(error)).toBe(code)
})
