import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { MlpError } from '../../../src/engine/errors.ts'
import type { EventBody } from '../../../src/engine/events.ts'
import { processStartedAt } from '../../../src/engine/process-identity.ts'
import { type CommandSpec, type ExecContext, runCommand } from '../../../src/tools/exec.ts'

// Every test starts processes, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-exec-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

interface Recorded extends ExecContext {
  readonly events: EventBody[]
  readonly interrupts: AbortController
  readonly kills: AbortController
}

function recordedContext(): Recorded {
  const events: EventBody[] = []
  const interrupts = new AbortController()
  const kills = new AbortController()
  return {
    events,
    interrupts,
    kills,
    signal: interrupts.signal,
    killSignal: kills.signal,
    emit: event => events.push(event),
  }
}

function script(text: string, more: Partial<CommandSpec> = {}): CommandSpec {
  return { file: process.execPath, args: ['--input-type=module', '--eval', text], ...more }
}

async function failureOf(promise: Promise<unknown>): Promise<MlpError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof MlpError) return error
    throw error
  }
  throw new Error('it did not fail')
}

async function gone(pid: number, deadlineMs = 5_000): Promise<boolean> {
  for (const end = Date.now() + deadlineMs; Date.now() < end; ) {
    if (processStartedAt(pid) === undefined) return true
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return false
}

/** A tool that says `ready`, writes each signal it gets, and ends with exit code 9 some time after the first. */
const stubborn = (endsAfterMs: number) => `
  let first = true
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {
    console.log('got ' + signal)
    if (first) setTimeout(() => process.exit(9), ${endsAfterMs})
    first = false
  })
  setInterval(() => {}, 1000)
  console.log('ready')`

describe('what a command gives', () => {
  test('its output, whole, and the exit code it accepts', async () => {
    const result = await runCommand(
      recordedContext(),
      script(`console.log('out'); console.error('err'); process.exit(2)`, { acceptExitCodes: [0, 2] }),
    )
    expect(result).toMatchObject({ exitCode: 2, stdout: 'out\n', stderr: 'err\n', truncated: false })
  })

  test('its lines to the caller and as events, between its start and its end', async () => {
    const context = recordedContext()
    const lines: string[] = []
    await runCommand(
      context,
      script(
        `process.stdout.write('{"a":'); setTimeout(() => process.stdout.write('1}\\r\\nüber\\nlast'), 20)`,
        {
          step: '1.aws.apply-cluster',
          cloud: 'aws',
          onLine: (line, stream) => lines.push(`${stream}: ${line}`),
        },
      ),
    )
    expect(lines).toEqual(['stdout: {"a":1}', 'stdout: über', 'stdout: last'])
    expect(context.events.map(({ type }) => type)).toEqual([
      'command-started',
      'tool-output',
      'tool-output',
      'tool-output',
      'command-finished',
    ])
    expect(context.events.at(0)).toMatchObject({ step: '1.aws.apply-cluster', cloud: 'aws' })
    expect(context.events.at(-1)).toMatchObject({ exitCode: 0 })
  })

  test('its input, its folder, and an environment with additions and removals', async () => {
    process.env['MLP_TEST_INHERITED'] = 'yes'
    try {
      const { stdout } = await runCommand(
        recordedContext(),
        script(
          `process.stdin.on('data', data => console.log(String(data), process.cwd(), process.env.ADDED, process.env.MLP_TEST_INHERITED))`,
          { cwd: folder, input: 'hello', env: { ADDED: 'added', MLP_TEST_INHERITED: undefined } },
        ),
      )
      expect(stdout).toBe(`hello ${folder} added undefined\n`)
    } finally {
      delete process.env['MLP_TEST_INHERITED']
    }
  })

  test('head and tail of an output beyond the limit, with every line still given to the caller', async () => {
    let lines = 0
    const { stdout, truncated } = await runCommand(
      recordedContext(),
      script(`for (let i = 0; i < 20000; i++) console.log('line ' + i)`, {
        captureLimitBytes: 2_000,
        onLine: () => lines++,
      }),
    )
    expect(truncated).toBe(true)
    expect(lines).toBe(20_000)
    expect(stdout.length).toBeLessThan(2_100)
    expect(stdout).toMatch(/^line 0\n[\s\S]*bytes left out[\s\S]*line 19999\n$/)
  })

  test('an end, even when it leaves behind a process that holds its output open', async () => {
    let leftPid = 0
    const { exitCode } = await runCommand(
      recordedContext(),
      script(
        `import { spawn } from 'node:child_process'
         const left = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
         console.log(left.pid); left.unref()`,
        { onLine: line => (leftPid = Number(line)) },
      ),
    )
    expect(exitCode).toBe(0)
    expect(leftPid).toBeGreaterThan(0)
    expect(await gone(leftPid)).toBe(true)
  })
})

describe('what a failure says', () => {
  test('the last ten lines, the exit code, and a command to paste', async () => {
    const error = await failureOf(
      runCommand(
        recordedContext(),
        script(`for (let i = 1; i <= 30; i++) console.error('trouble ' + i + '\\n'); process.exit(7)`, {
          cwd: folder,
        }),
      ),
    )
    expect(error).toMatchObject({ code: 'MLP2002', message: 'node failed with exit code 7' })
    expect(error.detail?.split('\n')).toEqual(
      Array.from({ length: 10 }, (_, index) => `trouble ${index + 21}`),
    )
    expect(error.command).toMatch(new RegExp(`^cd ${folder} && \\S+/node --input-type=module --eval '`))
  })

  test('a command without what every command inherits', async () => {
    const error = await failureOf(
      runCommand(recordedContext(), {
        file: 'false',
        args: [],
        env: { ...process.env, ADDED: 'yes', GONE: undefined },
      }),
    )
    expect(error.command).toBe('env -u GONE ADDED=yes false')
  })

  test.each([
    ['not on PATH', { file: 'no-such-tool-of-mlp' }, 'is not on PATH'],
    ['absent', { file: '/no/such/tool' }, '/no/such/tool does not exist'],
    ['not executable', { file: '/dev/null' }, '/dev/null exists but cannot be run'],
    [
      'in a folder that is gone',
      { file: process.execPath, cwd: '/no/such/folder' },
      'its folder /no/such/folder',
    ],
  ])('why a tool could not be started: %s', async (_name, command, detail) => {
    const context = recordedContext()
    const error = await failureOf(runCommand(context, { args: [], ...command }))
    expect(error).toMatchObject({ code: 'MLP2001', detail: expect.stringContaining(detail) })
    expect(error.remedy).not.toHaveLength(0)
    expect(context.events).toEqual([])
  })

  test('that it was killed from outside', async () => {
    const error = await failureOf(
      runCommand(recordedContext(), script(`process.kill(process.pid, 'SIGKILL')`)),
    )
    expect(error).toMatchObject({ code: 'MLP2004', message: 'node was ended by SIGKILL' })
  })
})

describe('interruption', () => {
  test('is one SIGINT, to a process group of its own, and then waiting', async () => {
    const context = recordedContext()
    const got: string[] = []
    const running = runCommand(
      context,
      script(stubborn(300), {
        onLine: line => {
          got.push(line)
          if (line === 'ready') context.interrupts.abort()
        },
      }),
    )
    const error = await failureOf(running)
    expect(got).toEqual(['ready', 'got SIGINT'])
    expect(error).toMatchObject({ code: 'MLP5130', exitCode: 130 })
  })

  test('leaves a tool that ends well its success', async () => {
    const context = recordedContext()
    const { exitCode } = await runCommand(
      context,
      script(
        `process.on('SIGINT', () => process.exit(0)); setInterval(() => {}, 1000); console.log('ready')`,
        {
          onLine: () => context.interrupts.abort(),
        },
      ),
    )
    expect(exitCode).toBe(0)
  })

  test('before the start starts nothing', async () => {
    const context = recordedContext()
    context.interrupts.abort()
    const error = await failureOf(runCommand(context, script(`console.log('ran')`)))
    expect(error.code).toBe('MLP5130')
    expect(context.events).toEqual([])
  })

  test('for the second time kills the tool and its children', async () => {
    const context = recordedContext()
    const pids: number[] = []
    const error = await failureOf(
      runCommand(
        context,
        script(
          `import { spawn } from 'node:child_process'
           process.on('SIGINT', () => {})
           console.log(process.pid)
           const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
           child.once('spawn', () => console.log(child.pid))`,
          {
            onLine: line => {
              pids.push(Number(line))
              if (pids.length < 2) return
              context.interrupts.abort()
              context.kills.abort()
            },
          },
        ),
      ),
    )
    expect(error.code).toBe('MLP5130')
    expect(await Promise.all(pids.map(pid => gone(pid)))).toEqual([true, true])
  })
})

describe('a tool that takes too long', () => {
  test('gets SIGINT, then SIGTERM, then is killed', async () => {
    const got: string[] = []
    const error = await failureOf(
      runCommand(
        recordedContext(),
        script(stubborn(60_000), {
          timeoutMs: 4_000,
          patience: { afterInterruptMs: 1_000, afterTerminateMs: 1_000 },
          onLine: line => got.push(line),
        }),
      ),
    )
    expect(got).toEqual(['ready', 'got SIGINT', 'got SIGTERM'])
    expect(error).toMatchObject({ code: 'MLP2003', message: 'node was stopped: it took longer than 4 s' })
  })

  test('and one whose caller fails on its output is stopped, with the caller’s own error', async () => {
    const broken = new Error('cannot read that')
    await expect(
      runCommand(
        recordedContext(),
        script(`setInterval(() => {}, 1000); console.log('ready')`, {
          onLine: () => {
            throw broken
          },
        }),
      ),
    ).rejects.toBe(broken)
  })
})

describe('secrets', () => {
  const password = 'correct horse/battery+staple'

  test('are masked in events and errors, in every usual encoding, but not in the result', async () => {
    const context = recordedContext()
    const printed = `
      const secret = process.env.DATABASE_PASSWORD
      const forms = [secret, encodeURIComponent(secret), btoa(secret), btoa('user:' + secret), btoa('me:' + secret), JSON.stringify({ secret })]
      for (const form of forms) console.error('says ' + form)
      process.exit(1)`
    const error = await failureOf(
      runCommand(context, script(printed, { env: { DATABASE_PASSWORD: password }, secrets: [password] })),
    )
    const visible = JSON.stringify([context.events, error.message, error.detail, error.command])
    expect(visible).not.toMatch(/horse|staple/)
    for (const prefix of ['', 'user:', 'me:']) {
      const encoded = Buffer.from(prefix + password).toString('base64')
      expect(visible).not.toContain(encoded.slice(8, -4))
    }
    expect(error.command).toContain('DATABASE_PASSWORD="$DATABASE_PASSWORD"')
    expect(context.events.filter(({ type }) => type === 'tool-output')).toHaveLength(6)

    const { stdout } = await runCommand(
      recordedContext(),
      script('process.stdin.pipe(process.stdout)', { input: password, secrets: [password] }),
    )
    expect(stdout).toBe(password)
  })

  test('are refused as arguments', async () => {
    await expect(
      runCommand(recordedContext(), { file: 'echo', args: [`--password=${password}`], secrets: [password] }),
    ).rejects.toThrow(TypeError)
  })
})

test('what a tool prints cannot move the cursor of a terminal', async () => {
  const context = recordedContext()
  await runCommand(
    context,
    script(String.raw`console.log('\x1b[2J\x1b[31mred\x1b[0m'); console.log('10%\r100%')`),
  )
  const lines = context.events.flatMap(event => (event.type === 'tool-output' ? [event.line] : []))
  expect(lines).toEqual(['red', '100%'])
})
