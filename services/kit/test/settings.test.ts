import { expect, test } from 'vitest'
import * as z from 'zod'
import { readSettings, SettingsError, sharedSettings, wholeNumber } from '../src/settings.ts'

const schema = sharedSettings(8000).extend({ API_TOKEN: z.string().min(20), WORKERS: wholeNumber(1, 4) })

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(schema, environment)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  return []
}

test('defaults, and an empty variable counts as unset', () => {
  const settings = readSettings(sharedSettings(8000), { PORT: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' })
  expect(settings).toMatchObject({ HOST: '127.0.0.1', PORT: 8000, LOG_LEVEL: 'info', DOCS: 'on' })
  expect(settings.OTEL_EXPORTER_OTLP_ENDPOINT).toBeUndefined()
})

test.each([
  ['INFO', 'info'],
  ['Warning', 'warn'],
  ['CRITICAL', 'fatal'],
])('log level %s, as people write it, is %s', (given, level) => {
  expect(readSettings(sharedSettings(1), { LOG_LEVEL: given }).LOG_LEVEL).toBe(level)
})

test('all mistakes at once, by name', () => {
  const problems = problemsOf({
    PORT: '99999',
    LOG_LEVEL: 'loud',
    WORKERS: '1.5',
    OTEL_TRACES_SAMPLER_ARG: '2',
  })
  expect(problems.map(problem => problem.split(':')[0]).sort()).toEqual([
    'API_TOKEN',
    'LOG_LEVEL',
    'OTEL_TRACES_SAMPLER_ARG',
    'PORT',
    'WORKERS',
  ])
  expect(problems).toContain('API_TOKEN: is required')
})

test('a mistake never shows the value, which could be a secret', () => {
  const problems = problemsOf({ API_TOKEN: 'hunter2', WORKERS: 'hunter2', DOCS: 'hunter2', PORT: 'hunter2' })
  expect(problems).toHaveLength(4)
  expect(problems.join('\n')).not.toContain('hunter2')
})
