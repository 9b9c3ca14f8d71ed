import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { processStartedAt } from '../../src/engine/process-identity.ts'
import { findLivingTerraform } from '../../src/tools/terraform/living.ts'
import {
  createPlayground,
  expectSuccess,
  type Playground,
  parseEvents,
  type Running,
} from '../support/mlp.ts'
import { eventually } from '../support/processes.ts'
import { sandboxProcesses } from '../support/sandbox.ts'
import { type InventoryOfWorld, readWorld } from '../support/world.ts'

const bootstrap = ['bootstrap', '--to', '2', '--yes', '--json']
const roots = ['aws', 'gcp', 'azure'].flatMap(cloud => [`${cloud}-foundation`, `${cloud}-cluster`])
const enginesOfTheSandbox = [
  ...['daemon', 's3', 'gcs', 'blob'],
  ...['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'],
]
const terraformKills = 3
/** Lets the launcher take its Node for one that is too old for mlp. */
const oldNode =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.0.0"}})'

/** Deterministic, so that a failure can be repeated: the seed is in the test's name. */
function* randomNumbers(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}

const over = ({ child }: Running) => child.exitCode !== null || child.signalCode !== null

// One world that nobody disturbs; then one after another from nothing, each built up under kills of another kind.
describe('kill -9', () => {
  let playground: Playground
  let undisturbed: InventoryOfWorld
  let eventsOfRun: number
  beforeAll(async () => {
    playground = await createPlayground()
    const reference = await playground.mlp(bootstrap)
    expectSuccess(reference)
    eventsOfRun = parseEvents(reference.stdout).length
    undisturbed = await readWorld(playground)
  })
  afterAll(() => playground.dispose())

  /** The same command once more, and it is the world that nobody disturbed: nothing missing, nothing twice. */
  const endsInTheSameWorld = async () => {
    expectSuccess(await playground.mlp(bootstrap))
    expect(await readWorld(playground)).toEqual(undisturbed)
  }
  const killed = async (running: Running) => {
    running.child.kill('SIGKILL')
    await running.finished
  }

  it('of mlp at each step boundary in turn', async () => {
    await playground.startOver()
    let boundaries = 0
    for (;;) {
      const running = playground.start(bootstrap)
      const atBoundary = () =>
        running.events().some(({ type, state }) => type === 'step-finished' && state === 'done')
      while (!atBoundary() && !over(running)) await delay(5)
      if (over(running)) {
        expectSuccess(await running.finished)
        break
      }
      await killed(running)
      boundaries += 1
    }
    // Steps end side by side, so a machine that looks late sees several boundaries as one; a few are always apart.
    expect(boundaries).toBeGreaterThan(3)
    await endsInTheSameWorld()
    for (const phase of ['1', '2']) {
      const verified = await playground.mlp(['verify', phase, '--json'])
      expect(verified.exitCode, verified.stdout).toBe(0)
    }
  })

  it('of mlp at 20 random moments (seed 20261124)', async () => {
    await playground.startOver()
    const random = randomNumbers(20_261_124)
    for (let kills = 0; kills < 20; ) {
      const running = playground.start(bootstrap)
      // Counted in events, so that a slow machine is hit in all parts of a run as well.
      const moment = (random.next().value * eventsOfRun) / 5
      while (!over(running) && running.events().length < moment) await delay(5)
      await delay(random.next().value * 200)
      if (over(running)) {
        expectSuccess(await running.finished)
        await playground.startOver()
      } else {
        await killed(running)
        kills += 1
      }
    }
    await endsInTheSameWorld()
  })

  it('of terraform and of every engine of the sandbox at random moments (seed 42)', async () => {
    await playground.startOver()
    const random = randomNumbers(42)
    const kills = new Map<string, number>()
    const wanted = () => [
      ...enginesOfTheSandbox.filter(kind => !kills.has(kind)),
      ...((kills.get('terraform') ?? 0) < terraformKills ? ['terraform'] : []),
    ]
    while (wanted().length > 0) {
      const running = playground.start(bootstrap)
      while (!over(running)) {
        await delay(300 + random.next().value * 1_500)
        const candidates = (await victims(playground)).filter(({ kind }) => wanted().includes(kind))
        const victim = candidates[Math.floor(random.next().value * candidates.length)]
        if (victim === undefined || over(running) || !killProcess(victim.pid)) continue
        kills.set(victim.kind, (kills.get(victim.kind) ?? 0) + 1)
      }
      // A run may fail or be refused over it, in words and never as a bug. Then the same command goes on.
      const { exitCode, stderr } = await running.finished
      expect([0, 3, 5], stderr).toContain(exitCode)
      if (exitCode === 0 && wanted().length > 0) await playground.startOver()
    }
    await endsInTheSameWorld()
  })

  it('of the launcher, where the machine’s Node is too old and the package’s own does the work', async () => {
    const running = playground.start(bootstrap, {}, { nodeOptions: ['--import', oldNode] })
    await eventually('the run to start', () => running.events().at(0), 120_000)
    const works = await lockHolder(playground)
    expect(works).not.toBe(running.child.pid)
    await killed(running)
    await eventually('the mlp that worked to be gone', () =>
      processStartedAt(works) === undefined ? true : undefined,
    )
    await endsInTheSameWorld()
  })
})

/** What can be killed now: the sandbox's processes by what they are, and terraforms that apply. */
async function victims(playground: Playground) {
  const engines = [...(await sandboxProcesses(playground))].map(([name, pid]) => ({
    kind: name.split('/').at(-1) ?? name,
    pid,
  }))
  const folders = roots.map(root => join(playground.platformHome, 'terraform', root))
  const terraforms = (await Promise.all(folders.map(findLivingTerraform))).filter(pid => pid !== undefined)
  const applying = await Promise.all(terraforms.map(isApplying))
  return [
    ...engines,
    ...terraforms.filter((_, index) => applying[index]).map(pid => ({ kind: 'terraform', pid })),
  ]
}

async function isApplying(terraform: number): Promise<boolean> {
  // It may have ended since.
  const commandLine = await readFile(`/proc/${terraform}/cmdline`, 'utf8').catch(() => '')
  return commandLine.split('\0').includes('apply')
}

/** False when it was gone already. */
function killProcess(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

const leaseFile = z.object({ pid: z.int() })

/** The process that says in the lock that it works here. */
async function lockHolder(playground: Playground): Promise<number> {
  const claims = (await readdir(playground.platformHome)).filter(name => /^lock\.json\.\d+$/.test(name))
  const [last = ''] = claims.toSorted((a, b) => b.localeCompare(a, undefined, { numeric: true }))
  return leaseFile.parse(JSON.parse(await readFile(join(playground.platformHome, last), 'utf8'))).pid
}
