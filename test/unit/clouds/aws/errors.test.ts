import { describe, expect, test } from 'vitest'
import { awsError, isNotFound } from '../../../../src/clouds/aws/errors.ts'
import { MlpError } from '../../../../src/engine/errors.ts'

function serviceError(name: string, status?: number): Error {
  return Object.assign(new Error('as AWS says it'), {
    name,
    ...(status === undefined ? {} : { $metadata: { httpStatusCode: status } }),
  })
}

describe('awsError', () => {
  test.each([
    ['ExpiredToken', 'MLP3001'],
    ['ExpiredTokenException', 'MLP3001'],
    ['InvalidClientTokenId', 'MLP3001'],
    ['AuthFailure', 'MLP3001'],
    ['SignatureDoesNotMatch', 'MLP3001'],
    ['CredentialsProviderError', 'MLP3001'],
    ['ECONNREFUSED', 'MLP3002'],
    ['TimeoutError', 'MLP3002'],
    ['AccessDenied', 'MLP3003'],
    ['AccessDeniedException', 'MLP3003'],
    ['UnauthorizedOperation', 'MLP3003'],
    ['VpcLimitExceeded', 'MLP3004'],
    ['InsufficientInstanceCapacity', 'MLP3004'],
    ['RequestLimitExceeded', 'MLP3005'],
    ['ThrottlingException', 'MLP3005'],
    ['SlowDown', 'MLP3005'],
    ['InvalidParameterException', 'MLP3006'],
  ])('%s is %s', (name, code) => {
    const error = awsError(serviceError(name), 'testing')
    expect(error).toBeInstanceOf(MlpError)
    expect(error).toMatchObject({ code, detail: `${name}: as AWS says it` })
    expect(error).toHaveProperty('remedy.length')
  })

  test('an answer without a body is judged by its status', () => {
    expect(awsError(serviceError('Unknown', 403), 'testing')).toMatchObject({ code: 'MLP3003' })
    expect(awsError(serviceError('Unknown', 429), 'testing')).toMatchObject({ code: 'MLP3005' })
  })

  test('a socket error below the SDK counts', () => {
    const below = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    expect(awsError(new Error('failed', { cause: below }), 'testing')).toMatchObject({ code: 'MLP3002' })
    expect(awsError(new AggregateError([below]), 'testing')).toMatchObject({ code: 'MLP3002' })
  })

  test('an interrupt and an MlpError pass unchanged', () => {
    const abort = Object.assign(new Error('aborted'), { name: 'AbortError' })
    expect(awsError(abort, 'testing')).toBe(abort)
    const known = new MlpError({ code: 'MLP3004', summary: 'known', remedy: [] })
    expect(awsError(known, 'testing')).toBe(known)
  })
})

test.each([
  ['ResourceNotFoundException', true],
  ['NoSuchEntity', true],
  ['NoSuchBucket', true],
  ['DBInstanceNotFound', true],
  ['AccessDenied', false],
])('isNotFound(%s) is %s', (name, expected) => {
  expect(isNotFound(serviceError(name))).toBe(expected)
})
