import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { ago, duration } from '../../../src/engine/durations.ts'
import { MlpError } from '../../../src/engine/errors.ts'
import type { EventBody } from '../../../src/engine/events.ts'
import { watchInterrupts } from '../../../src/engine/interrupt.ts'

const started = (step: string): EventBody => ({
  type: 'step-started',
  step,
  cloud: 'aws',
  title: '',
  why: '',
})
const ended = (step: string): EventBody => ({
  type: 'step-finished',
  step,
  cloud: 'aws',
  title: '',
  state: 'done',
  why: '',
  durationMs: 1,
})

function watch() {
  const source = new EventEmitter()
  const killed: unknown[] = []
  const events: EventBody[] = []
  const interrupts = watchInterrupts({ source, kill: (...args) => killed.push(args) })
  const send = (signal: string) => source.emit(signal, signal)
  return { source, killed, events, interrupts, send }
}

test('the first signal aborts and tells what is finishing; the second kills; more change nothing', () => {
  const { killed, events, interrupts, send } = watch()
  interrupts.announce(event => events.push(event))
  interrupts.observe(started('1.aws.net'))
  interrupts.observe(started('1.gcp.net'))
  interrupts.observe(ended('1.aws.net'))
  expect(interrupts.exitCode()).toBeUndefined()

  send('SIGINT')
  expect(interrupts.signal.aborted).toBe(true)
  expect(killed).toEqual([])
  send('SIGTERM')
  expect(killed).toEqual([[130]])
  send('SIGINT')
  expect(killed).toHaveLength(1)
  expect(events).toEqual([
    { type: 'interrupt', signal: 'SIGINT', count: 1, finishing: ['1.gcp.net'] },
    { type: 'interrupt', signal: 'SIGTERM', count: 2, finishing: ['1.gcp.net'] },
    { type: 'interrupt', signal: 'SIGINT', count: 3, finishing: ['1.gcp.net'] },
  ])
})

test('SIGTERM is 143, and one that came before anybody listened is told then', () => {
  const { events, interrupts, send } = watch()
  send('SIGTERM')
  interrupts.announce(event => events.push(event))
  expect(interrupts.exitCode()).toBe(143)
  expect(events).toMatchObject([{ type: 'interrupt', signal: 'SIGTERM', count: 1 }])
})

test.each([
  ['SIGINT', 'MLP5130', 130],
  ['SIGTERM', 'MLP5143', 143],
] as const)('after %s, an error that only tells of it is %s, exit %d', (signal, code, exitCode) => {
  const { interrupts, send } = watch()
  const early = AbortSignal.abort().reason
  expect(interrupts.explain(early)).toBe(early)
  send(signal)
  const own = new MlpError({ code: 'MLP5130', summary: 'terraform was interrupted', remedy: ['again'] })
  for (const error of [interrupts.signal.reason, own])
    expect(interrupts.explain(error)).toMatchObject({ code, exitCode })
  const other = new Error('something else broke meanwhile')
  expect(interrupts.explain(other)).toBe(other)
})

test('stopped, the signals are given back', () => {
  const { source, interrupts } = watch()
  interrupts.stop()
  expect(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM')).toBe(0)
})

test('by default it listens to this process', () => {
  const before = process.listenerCount('SIGTERM')
  const interrupts = watchInterrupts({ kill: () => undefined })
  expect(process.listenerCount('SIGTERM')).toBe(before + 1)
  interrupts.stop()
  expect(process.listenerCount('SIGTERM')).toBe(before)
})

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [12_400, '12 s'],
  [59_600, '1 min 00 s'],
  [185_000, '3 min 05 s'],
  [3_720_000, '1 h 02 min'],
])('%d ms is %s', (ms, text) => expect(duration(ms)).toBe(text))

test.each([
  [-5, '0 s ago'],
  [59, '59 s ago'],
  [60, '1 min ago'],
  [3599, '59 min ago'],
  [3600, '1 h ago'],
  [48 * 3600 - 1, '47 h ago'],
  [48 * 3600, '2 days ago'],
  [50 * 3600, '2 days ago'],
])('%d seconds later it is %s', (seconds, text) => {
  const at = '2026-01-01T00:00:00.000Z'
  expect(ago(at, new Date(Date.parse(at) + seconds * 1000))).toBe(text)
})
test('what never ended was before', () => expect(ago(null, new Date())).toBe('before'))
