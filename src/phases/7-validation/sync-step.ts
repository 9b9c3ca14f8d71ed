import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { servicePods } from './bench.ts'
import { testName } from './marks.ts'
import { type Outcome, simulated } from './outcome.ts'
import { runTests, type ValidationTest } from './run-tests.ts'
import { syncTwice, testFiles } from './store-tests.ts'
import { putObjects, testLocation, testLocations } from './test-objects.ts'
import { willUndo } from './undo-list.ts'
import { type Clients, validationStep } from './validation-step.ts'

interface Pair {
  readonly from: CloudName
  readonly to: CloudName
}

/** data-sync of each cloud moves objects from its own bucket to another cloud's, where it has an identity there. */
export function syncStep(config: Config): PlatformStep {
  const clouds = configuredClouds(config)
  return validationStep({
    name: 'data-sync',
    cloud: 'all',
    title: 'Objects move between the clouds’ buckets',
    needs: clouds.map(cloud => `7.${cloud}.load` as const),
    clouds: context => [...context.clouds.keys()],
    makesObjects: true,
    idle: ({ clouds: asked }) => (asked.size < 2 ? 'there is no other cloud to sync with' : undefined),
    async run(context, clients, where, progress) {
      const names = [...clients.byCloud.keys()]
      const pairs = names.map(
        (from, index): Pair => ({ from, to: names[(index + 1) % names.length] ?? from }),
      )
      const tests = pairs.map(
        (pair): ValidationTest<Clients> => ({
          name: `sync-${pair.from}-to-${pair.to}`,
          title: `data-sync on ${pair.from} copies to ${pair.to}’s bucket`,
          deadlineMs: 240_000,
          run: (bench, signal) =>
            syncBetween(context, bench, pair, message => progress.report(message), signal),
        }),
      )
      return await runTests(context, where, tests, clients)
    },
  })
}

async function syncBetween(
  context: Context,
  clients: Clients,
  { from, to }: Pair,
  report: (message: string) => void,
  signal: AbortSignal,
): Promise<Outcome> {
  const client = clients.get(from)
  if ((await servicePods(client, 'data-sync')).simulated) return simulated('nothing runs in data-sync’s pods')
  const destination = testLocation(context, to, 'data', `from-${from}`)
  for (const cloud of [from, to])
    await willUndo(context, clients.get(cloud), 'data-sync', [
      { kind: 'objects', locations: [...testLocations(context, cloud)] },
    ])
  const source = testLocation(context, from, 'data', 'source')
  await putObjects(context, client, from, [{ location: source, objects: testFiles }], report)
  return await syncTwice(
    client,
    { name: testName(`sync-${to}`), source, destinations: [destination] },
    signal,
  )
}
