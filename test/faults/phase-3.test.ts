import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createPlayground,
  expectSuccess,
  type Finished,
  type Playground,
  parseEvents,
} from '../support/mlp.ts'
import { eventually } from '../support/processes.ts'
import { sandboxProcesses } from '../support/sandbox.ts'
import { type InventoryOfWorld, readWorld } from '../support/world.ts'

const bootstrap = ['bootstrap', '--to', '3', '--yes', '--json']

const steps = (finished: Finished) =>
  parseEvents(finished.stdout).filter(({ type }) => type === 'step-finished')

// One world that nobody disturbs. Then one whose phase 3 is cut short again and again, each time a little later: what
// the one before left is where the next begins.
describe('phase 3 is cut short', () => {
  let playground: Playground
  let undisturbed: InventoryOfWorld
  beforeAll(async () => {
    playground = await createPlayground()
    expectSuccess(await playground.mlp(bootstrap))
    undisturbed = await readWorld(playground)
    await playground.startOver()
    expectSuccess(await playground.mlp(['bootstrap', '--to', '2', '--yes', '--json']))
  })
  afterAll(() => playground?.dispose())

  /** As on a machine that has built no image yet. */
  const cold = () => ({ MLP_IMAGES_CACHE: join(playground.folder, 'images') })
  /** Tools that still work for this platform: by their folder, or by a file of it that they were given. */
  const tools = async () => {
    const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
    const found = await Promise.all(
      pids.map(async pid => {
        const [args, folder] = await Promise.all([
          readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
          readlink(`/proc/${pid}/cwd`).catch(() => ''),
        ])
        const ours = args.includes(playground.folder) || folder.startsWith(playground.folder)
        return ours && /crane|npm/.test(args) ? [`${pid} ${args.replaceAll('\0', ' ').trim()}`] : []
      }),
    )
    return found.flat()
  }
  const cutShort = async (when: RegExp, signal: 'SIGKILL' | 'SIGINT') => {
    const running = playground.start(bootstrap, cold())
    const at = await eventually(
      `${when}`,
      () => {
        const found = running.events().find(event => when.test(`${event.step} ${String(event['message'])}`))
        if (found === undefined && running.child.exitCode !== null)
          throw new Error(
            `it ended with ${running.child.exitCode} before ${when} was said; last:\n${running
              .events()
              .slice(-40)
              .map(event => JSON.stringify(event))
              .join('\n')}`,
          )
        return found
      },
      300_000,
    )
    running.child.kill(signal)
    return { at, ...(await running.finished) }
  }

  it.each([
    ['is installed for an image', /^3\.\S+\.images \S+: installing production dependencies/],
    ['is pushed', /^3\.\S+\.images \S+: pushing /],
  ])('by kill -9 while something %s', async (_, when) => {
    await cutShort(when, 'SIGKILL')
  })

  it('by Ctrl-C while images are pushed: in order, and nothing is left at work', async () => {
    // What the kills before this left at work is not this run's.
    const left = await tools()
    const { exitCode, stdout } = await cutShort(/^3\.\S+\.images \S+: pushing /, 'SIGINT')
    expect(exitCode, stdout.slice(-2000)).toBe(130)
    expect(parseEvents(stdout).at(-1)).toMatchObject({ type: 'run-finished', result: 'interrupted' })
    expect((await tools()).filter(one => !left.includes(one))).toEqual([])
  })

  it('by kill -9 while a Deployment is applied', async () => {
    await cutShort(/^3\.\S+\.(api-gateway|model-serving) Deployment /, 'SIGKILL')
  })

  it('by Ctrl-C in a rollout: in order, and the pods come up all the same', async () => {
    const { exitCode, stdout } = await cutShort(/^3\.\S+ \d of \d ready/, 'SIGINT')
    expect(exitCode, stdout.slice(-2000)).toBe(130)
    expect(steps({ stdout } as Finished).filter(({ state }) => state === 'failed')).toEqual([])
  })

  it('by kill -9 in a rollout; then the same command ends in the world that nobody disturbed', async () => {
    await cutShort(/^3\.\S+ (\d of \d ready|asking whether it holds)/, 'SIGKILL')
    expectSuccess(await playground.mlp(bootstrap, cold()))
    expect(await readWorld(playground)).toEqual(undisturbed)
    const verified = await playground.mlp(['verify', '3', '--json', '--wait', '60s'])
    expect(verified.exitCode, verified.stdout).toBe(0)
    const again = await playground.mlp(bootstrap, cold())
    expect(steps(again).filter(({ state }) => state !== 'skipped')).toEqual([])
  })

  it('by kill -9 of what the sandbox runs for it, kind by kind: all of it comes back by itself', async () => {
    const kinds: Readonly<Record<string, RegExp>> = {
      databases: /^databases\//,
      caches: /^caches\//,
      'the registry of images': /^emulators\/images$/,
      'the clusters’ networks': /^workloads\/.*\/network$/,
      'node agents': /^workloads\/.*\/services$/,
    }
    for (const [kind, name] of Object.entries(kinds)) {
      const victims = [...(await sandboxProcesses(playground))].filter(([each]) => name.test(each))
      expect(victims, kind).not.toEqual([])
      for (const [, pid] of victims) process.kill(pid, 'SIGKILL')
      const verified = await playground.mlp(['verify', '3', '--json', '--wait', '240s'])
      expect(verified.exitCode, `after ${kind}: ${verified.stdout}`).toBe(0)
    }
    expectSuccess(await playground.mlp(bootstrap, cold()))
    expect(await readWorld(playground)).toEqual(undisturbed)
  })
})
