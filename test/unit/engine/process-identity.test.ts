import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { processStartedAt } from '../../../src/engine/process-identity.ts'

function startProcess(file: string, args: readonly string[]) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  if (child.pid === undefined) throw new Error(`${file} did not start`)
  return { child, pid: child.pid }
}

const linux = process.platform === 'linux'
const withPs = spawnSync('ps', ['-o', 'lstart=', '-p', String(process.pid)]).status === 0

describe('when a process started', () => {
  test('is the same whenever it is asked, and differs for one that started later', async () => {
    const first = startProcess('sleep', ['30'])
    const before = processStartedAt(first.pid)
    expect(before).toMatch(/^\d+$/)
    // The clock ticks a hundred times a second, so that two may begin in one tick.
    const another = () => Number(processStartedAt(startProcess('sleep', ['30']).pid))
    await expect.poll(another).toBeGreaterThan(Number(before))
    expect(processStartedAt(first.pid)).toBe(before)
  })

  test('is unknown of one that has ended', async () => {
    const { child, pid } = startProcess('true', [])
    await once(child, 'exit')
    expect(processStartedAt(pid)).toBeUndefined()
  })

  test.runIf(linux)('is unknown of a zombie, which has ended although its pid is taken', async () => {
    // The shell makes a child and turns into sleep, which never asks how that child ended.
    const { child } = startProcess('sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 30'])
    const [output] = await once(child.stdout ?? child, 'data')
    const zombie = Number(String(output).trim())
    const state = () => readFileSync(`/proc/${zombie}/stat`, 'utf8').split(') ')[1]?.[0]
    await expect.poll(state).toBe('Z')
    expect(processStartedAt(zombie)).toBeUndefined()
  })

  test.runIf(linux)('is found behind a name with spaces and parentheses', async () => {
    const { pid } = startProcess(process.execPath, [
      '-e',
      'process.title = "a) b (c"; setTimeout(() => {}, 30_000)',
    ])
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain('(a) b (c)')
    expect(processStartedAt(pid)).toMatch(/^\d+$/)
  })

  test.runIf(withPs)('is what ps says where there is no /proc', async () => {
    const { platform } = process
    onTestFinished(() => {
      Object.defineProperty(process, 'platform', { value: platform })
    })
    const { child, pid } = startProcess('sleep', ['30'])
    Object.defineProperty(process, 'platform', { value: 'darwin' })
    expect(processStartedAt(pid)).toMatch(/\d\d:\d\d:\d\d \d{4}$/)
    expect(processStartedAt(pid)).toBe(processStartedAt(pid))
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processStartedAt(pid)).toBeUndefined()
  })
})
