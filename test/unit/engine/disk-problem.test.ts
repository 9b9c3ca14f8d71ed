import { describe, expect, it } from 'vitest'
import { unforeseenDiskProblem } from '../../../src/engine/disk-problem.ts'
import { toMlpError } from '../../../src/engine/failure.ts'

const systemError = (code: string, more: object = {}) =>
  Object.assign(new Error(`${code}: said the system`), { code, ...more })

describe('a disk that nobody foresaw to fail', () => {
  it.each([
    [
      'full, while copying',
      systemError('ENOSPC', { path: '/templates/cache.tf', dest: '/platform/x/cache.tf' }),
      'The disk is full: /platform/x/cache.tf',
      'Free some space: df -h /platform/x',
    ],
    ['full, of an open file', systemError('EDQUOT'), 'The disk is full', 'Free some space: df -h'],
    [
      "somebody else's",
      systemError('EACCES', { path: '/platform/.mlp' }),
      '/platform/.mlp is not yours to use',
      'Look at who owns it: ls -ld /platform /platform/.mlp',
    ],
  ])('%s is MLP5215, with a remedy and no trace', (_name, error, message, remedy) => {
    const shown = toMlpError(error, 'here')
    expect(shown).toMatchObject({ code: 'MLP5215', message, exitCode: 3 })
    expect(shown.remedy[0]).toBe(remedy)
    expect(shown.detail).not.toMatch(/^\s+at /m)
  })

  it.each([
    ['a mistake in the program', new TypeError('x is undefined')],
    ['a missing file', systemError('ENOENT', { path: '/x' })],
    ['a refused connection, which is no file', systemError('EACCES')],
    ['no error at all', 'ENOSPC'],
  ])('is not %s', (_name, error) => {
    expect(unforeseenDiskProblem(error)).toBeUndefined()
  })
})
