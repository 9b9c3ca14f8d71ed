import { describe, expect, test } from 'vitest'
import { isOlder, lockText, parseLock, wantedImages, withImages } from '../../../../src/phases/lock-file.ts'

const digest = (letter: string) => `sha256:${letter.repeat(64)}`

describe('mlp.lock', () => {
  test('keeps what other environments and clouds want, and what a newer mlp may have written', () => {
    const lock = parseLock(
      JSON.stringify({
        lockVersion: 1,
        mlp: '0.1.0',
        charts: { istio: '1.31' },
        images: {
          dev: { gcp: { 'api-gateway': digest('a') } },
          prod: { aws: { 'api-gateway': digest('b') } },
        },
      }),
      'mlp.lock',
    )
    const changed = withImages(lock, 'dev', { aws: { 'api-gateway': digest('c') } })
    expect(wantedImages(changed, 'dev', 'aws')).toEqual({ 'api-gateway': digest('c') })
    expect(wantedImages(changed, 'dev', 'gcp')).toEqual({ 'api-gateway': digest('a') })
    expect(wantedImages(changed, 'prod', 'aws')).toEqual({ 'api-gateway': digest('b') })
    expect(parseLock(lockText(changed), 'mlp.lock')).toEqual(changed)
    expect(lockText(changed)).toContain('"istio": "1.31"')
  })

  test('one as `mlp init` writes it wants no images yet', () => {
    const lock = parseLock('{"lockVersion":1,"mlp":"0.1.0"}', 'mlp.lock')
    expect(wantedImages(lock, 'dev', 'aws')).toBeUndefined()
  })

  test.each([
    '',
    '{}',
    '{"lockVersion":2,"mlp":"1.0.0"}',
    '{"lockVersion":1,"mlp":"1","images":{"dev":{"aws":{"x":"latest"}}}}',
  ])('what cannot be understood is refused: %s', text => {
    expect(() => parseLock(text, 'mlp.lock')).toThrow(
      expect.objectContaining({ code: 'MLP5311', exitCode: 2 }),
    )
  })

  test.each([
    ['0.1.0', '0.1.0', false],
    ['0.1.0', '0.2.0', true],
    ['0.9.9', '0.10.0', true],
    ['1.0.0', '0.9.0', false],
    ['dev', '0.9.0', false],
  ])('%s is older than %s: %s', (a, b, older) => {
    expect(isOlder(a, b)).toBe(older)
  })
})
