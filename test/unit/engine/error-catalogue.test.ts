import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { catalogueEntry, errorRanges, isErrorCode } from '../../../src/engine/error-catalogue/catalogue.ts'
import { exitCodes, MlpError } from '../../../src/engine/errors.ts'
import { toEventError } from '../../../src/engine/failure.ts'

const root = join(import.meta.dirname, '../../..')
const listed = errorRanges.flatMap(({ errors }) => Object.keys(errors))

/** Codes in files that make errors. Comparing with a code (`error.code === 'MLP2002'`) and naming it as a type make none. */
const thrown = globSync(['src/**/*.ts', 'sandbox/src/**/*.ts', 'bin/*.js'], { cwd: root })
  .filter(file => !file.includes('error-catalogue'))
  .flatMap(file => {
    const text = readFileSync(join(root, file), 'utf8')
    return [...text.matchAll(/(?<![=!]== |\| |readonly code: )['`](?:Error )?(MLP\d{4})\b/g)].map(match => ({
      code: match[1] ?? '',
      file,
    }))
  })

/** A code thrown in several files: looked at, and found to mean the same in each. */
const adapters = ['src/clouds/aws/errors.ts', 'src/clouds/azure/errors.ts', 'src/clouds/gcp/errors.ts']
const shared = {
  MLP1010: [
    'src/cli/commands/login.ts',
    'src/cli/commands/token.ts',
    'src/cli/print-policy.ts',
    'src/clouds/azure/variables.ts',
  ],
  MLP1091: ['src/cli/commands/phase.ts', 'src/phases/8-readiness/sign-offs.ts'],
  MLP2012: ['src/tools/toolchain/download.ts', 'src/tools/toolchain/wheel.ts'],
  MLP3001: adapters,
  MLP3002: adapters,
  MLP3003: [...adapters, 'src/clouds/aws/release-data.ts'],
  MLP3004: adapters,
  MLP3005: adapters,
  MLP3006: [...adapters, 'src/clouds/aws/release-data.ts'],
  MLP3007: ['src/clouds/aws/prices.ts', 'src/clouds/azure/errors.ts', 'src/clouds/gcp/errors.ts'],
  MLP3008: [
    'src/clouds/aws/release-data.ts',
    'src/clouds/azure/errors.ts',
    'src/clouds/gcp/operations.ts',
    'src/clouds/gcp/preparation.ts',
  ],
  MLP3012: ['src/clouds/aws/quotas.ts', 'src/clouds/azure/quotas.ts', 'src/clouds/gcp/quotas.ts'],
  MLP4061: ['src/phases/5-monitoring/loaded.ts', 'src/phases/5-monitoring/readiness.ts'],
  MLP5002: [
    'src/cli/commands/sandbox.ts',
    'src/cli/commands/teardown.ts',
    'src/cli/commands/unlock.ts',
    'src/cli/init-answers.ts',
    'src/phases/1-infrastructure/consent.ts',
    'src/phases/6-delivery/pipeline-step.ts',
    'src/phases/6-delivery/repository-step.ts',
  ],
  MLP5233: ['src/cli/checklist-file.ts', 'src/cli/commands/report.ts'],
  MLP5130: [
    'src/cli/commands/sandbox.ts',
    'src/cli/prompts.ts',
    'src/engine/gates.ts',
    'src/engine/interrupt.ts',
    'src/tools/exec-failure.ts',
    'src/tools/toolchain/create-toolchain.ts',
  ],
  MLP5212: ['src/cli/state-file.ts', 'src/engine/state.ts'],
  MLP5220: ['src/engine/lease-holder.ts', 'src/engine/lock.ts', 'src/engine/record-lease.ts'],
  MLP5223: ['src/engine/lease-file.ts', 'src/engine/record-lease.ts'],
  MLP9000: ['src/cli/show-error.ts', 'src/engine/failure.ts'],
}

describe('the catalogue', () => {
  test('lists every code that the sources throw, and no other', () => {
    expect([...new Set(thrown.map(({ code }) => code))].toSorted()).toEqual(listed.toSorted())
  })

  test('lists each code once, in order, in the range of its first digit', () => {
    expect(new Set(listed).size).toBe(listed.length)
    for (const { digit, errors } of errorRanges) {
      const codes = Object.keys(errors)
      expect(codes).toEqual(codes.toSorted())
      for (const code of codes) expect(code).toMatch(new RegExp(`^MLP${digit}\\d{3}$`))
    }
  })

  test('gives a code one meaning: whoever throws it in another file has to say here that it is the same', () => {
    const filesOf = Map.groupBy(thrown, ({ code }) => code)
    const found = [...filesOf]
      .map(([code, places]) => ({ code, files: new Set(places.map(({ file }) => file)) }))
      .filter(({ files }) => files.size > 1)
    expect(Object.fromEntries(found.map(({ code, files }) => [code, files]))).toEqual(
      Object.fromEntries(Object.entries(shared).map(([code, files]) => [code, new Set(files)])),
    )
  })

  test('says everything, in sentences', () => {
    for (const code of listed) {
      if (!isErrorCode(code)) throw new Error(code)
      const { title, meaning, remedy } = catalogueEntry(code)
      expect(title).toMatch(/^\S[^\n]{5,60}[^.]$/)
      expect(meaning).toMatch(/^\S[^\n]{20,180}\.$/)
      expect(remedy).not.toBe('')
    }
  })
})

describe('an error', () => {
  test('exits as the catalogue says of its code', () => {
    for (const [code, exitCode] of [
      ['MLP1004', exitCodes.usage],
      ['MLP3001', exitCodes.stepFailed],
      ['MLP5230', exitCodes.refused],
      ['MLP5220', exitCodes.locked],
      ['MLP5130', exitCodes.interrupted],
      ['MLP9000', exitCodes.bug],
    ] as const) {
      expect(new MlpError({ code, summary: '', remedy: [] }).exitCode).toBe(exitCode)
    }
  })

  test('tells programs who can put it right and whether to try again', () => {
    const denied = new MlpError({ code: 'MLP3003', summary: 'denied', remedy: ['ask for it'] })
    expect(toEventError(denied)).toMatchObject({
      code: 'MLP3003',
      summary: 'denied',
      owner: 'cloud-administrator',
      retryable: false,
    })
    const busy = new MlpError({ code: 'MLP3005', summary: 'throttled', remedy: ['wait'] })
    expect(toEventError(busy)).toMatchObject({ owner: 'operator', retryable: true })
  })

  test('with a code that is not listed does not compile', () => {
    // @ts-expect-error: tsc checks this line; at run time it has no entry.
    expect(() => new MlpError({ code: 'MLP9999', summary: '', remedy: [] })).toThrow(TypeError)
  })
})
