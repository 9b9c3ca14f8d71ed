import type { CloudName } from '../clouds/cloud.ts'
import { MlpError } from '../engine/errors.ts'
import { createClouds } from './clouds.ts'
import type { Io } from './io.ts'
import type { GlobalOptions } from './options.ts'
import { openPlatform } from './platform-home.ts'
import { knownTarget, withAccounts } from './target.ts'

/** What the identity that runs mlp needs in a cloud, as JSON on standard output. Asks no cloud. */
export async function printPolicy(name: CloudName, options: GlobalOptions, io: Io): Promise<void> {
  const platform = await openPlatform(options, io)
  const target = await knownTarget(platform, io.env)
  const cloud = (await createClouds(withAccounts(platform.config, target), target, [name])).get(name)
  if (cloud === undefined) {
    throw new MlpError({
      code: 'MLP1010',
      summary: `this platform is not on ${name}`,
      detail: `It is on ${Object.keys(platform.config.clouds).join(', ')}.`,
      remedy: [`Add clouds.${name} to mlp.yaml, or name another cloud.`],
    })
  }
  io.stdout.write(`${JSON.stringify(cloud.policy(), undefined, 2)}\n`)
}
