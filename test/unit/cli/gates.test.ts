import { describe, expect, test } from 'vitest'
import { createConsent } from '../../../src/cli/consent.ts'
import { askCredentials } from '../../../src/cli/gates/credentials.ts'
import { productionGate } from '../../../src/cli/gates/production.ts'
import { askQuotas } from '../../../src/cli/gates/quota.ts'
import { consentOptions } from '../../../src/cli/options.ts'
import { validityOf } from '../../../src/clouds/aws/cluster.ts'
import type { Cloud, Quota, Validity } from '../../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { MlpError } from '../../../src/engine/errors.ts'
import type { GateAnswer } from '../../../src/engine/gates.ts'
import { phases } from '../../../src/phases/index.ts'
import type { Context } from '../../../src/phases/phase.ts'
import { quietIo } from './harness.ts'

const config = defaultSandboxConfig('dev')
const { signal } = new AbortController()
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000 + 1000).toISOString()

/** A cloud that answers these and nothing else. */
function cloud(answers: Partial<Cloud>): Cloud {
  return new Proxy({ name: 'aws', title: 'AWS', ...answers } as Cloud, {
    get(target, name) {
      if (name in target) return Reflect.get(target, name)
      throw new Error(`a gate asked the cloud for ${String(name)}`)
    },
  })
}

describe('credentials', () => {
  const ask = (validity: Validity, account = config.clouds.aws?.accountId ?? '') =>
    askCredentials(
      cloud({ identity: async () => ({ principal: 'me', account, validity }) }),
      config,
      50,
      signal,
    )

  test.each([
    ['renew themselves', { kind: 'renewed' }, 'passed', /^me in 111122223333$/],
    ['end after the run', { kind: 'ends', at: inMinutes(50) }, 'passed', /until 20/],
    ['end in the run', { kind: 'ends', at: inMinutes(49) }, 'refused', /end in 49 minutes.*may take 50/],
    ['have ended', { kind: 'ends', at: inMinutes(-5) }, 'refused', /end in 0 minutes/],
    ['end nobody knows when', { kind: 'unknown' }, 'warned', /nobody can tell/],
  ] as const)('that %s', async (_name, validity, outcome, detail) => {
    expect(await ask(validity)).toMatchObject({ outcome, detail: expect.stringMatching(detail) })
  })

  test('of another account are refused, with both accounts named', async () => {
    expect(await ask({ kind: 'renewed' }, '999999999999')).toMatchObject({
      outcome: 'refused',
      detail: 'me works in 999999999999, but mlp.yaml names 111122223333',
    })
  })

  test.each([
    ['a long-lived key', {}, undefined, 'renewed'],
    ['an assumed role', { sessionToken: 'a', expiration: new Date() }, undefined, 'renewed'],
    ['a token from the environment', { sessionToken: 'a', expiration: new Date() }, 'a', 'ends'],
    ['a token from the environment, of no stated end', { sessionToken: 'a' }, 'a', 'unknown'],
    ['a token from a profile', { sessionToken: 'a' }, undefined, 'unknown'],
  ] as const)('of AWS: %s', (_name, credentials, handedOver, kind) => {
    expect(validityOf(credentials, handedOver).kind).toBe(kind)
  })
})

describe('quotas', () => {
  const quota = (changes: Partial<Quota>): Quota => ({
    ...{ name: 'vCPUs', needed: 4, wanted: 20, used: 0, limit: 20, remedy: 'Ask for more.' },
    ...changes,
  })
  const ask = (quotas: () => Promise<readonly Quota[]>): Promise<GateAnswer> =>
    askQuotas(cloud({ quotas }), config, phases, signal)

  test.each([
    ['room for all', quota({}), 'passed', 'room under 1 quotas: vCPUs'],
    ['room to start', quota({ limit: 19 }), 'warned', /not for every node: vCPUs: 20 wanted, 19 allowed$/],
    ['no room', quota({ limit: 3 }), 'refused', 'vCPUs: 4 wanted, 3 allowed'],
    ['no room beside others', quota({ used: 17 }), 'refused', 'vCPUs: 4 wanted, 20 allowed, 17 in use'],
  ] as const)('%s', async (_name, given, outcome, detail) => {
    const answer = await ask(async () => [given])
    expect(answer.outcome).toBe(outcome)
    expect(answer.detail).toMatch(detail)
  })

  test('that cannot be read warn and never refuse', async () => {
    const denied = new MlpError({ code: 'MLP3003', summary: 'denied', detail: 'by a policy', remedy: [] })
    expect(await ask(() => Promise.reject(denied))).toEqual({
      outcome: 'warned',
      detail: 'quotas could not be read: denied: by a policy',
    })
  })

  test('a bug is not a warning', async () => {
    await expect(ask(() => Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError)
  })

  test('a phase that takes no room asks no cloud', async () => {
    const none = phases.filter(({ number }) => number === 2)
    expect(await askQuotas(cloud({}), config, none, signal)).toMatchObject({ outcome: 'passed' })
  })
})

describe('production', () => {
  function context(changes: Partial<Context>, given: object = {}): Context {
    return {
      config,
      target: { name: 'cloud' },
      consent: createConsent({
        options: consentOptions.parse(given),
        project: config.project,
        target: 'cloud',
        io: quietIo('/').io,
      }),
      ...changes,
    } as Context
  }
  const prod = { config: defaultSandboxConfig('prod') }

  test.each([
    ['dev needs nobody’s word', context({}), 'passed'],
    ['prod without a word', context(prod, { yes: true }), 'refused'],
    ['prod with it', context(prod, { allowProduction: true }), 'passed'],
  ] as const)('%s', async (_name, given, outcome) => {
    const answer = await productionGate.ask(given)
    expect(answer.outcome).toBe(outcome)
    if (answer.outcome === 'refused') expect(answer.flag).toBe('--allow-production')
  })
})
