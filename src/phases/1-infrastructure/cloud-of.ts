import type { Cloud, CloudName } from '../../clouds/cloud.ts'
import type { Context } from '../phase.ts'

/** The adapter of a configured cloud. A step of a cloud that the run has no adapter for is a bug. */
export function cloudOf(context: Pick<Context, 'clouds'>, name: CloudName): Cloud {
  const cloud = context.clouds.get(name)
  if (cloud === undefined) throw new Error(`no adapter for ${name} in this run`)
  return cloud
}
