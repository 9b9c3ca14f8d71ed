import type { Config } from './schema.ts'

const inOrder = ['aws', 'gcp', 'azure'] as const

/** In the order in which the home of what all share is chosen. */
export function configuredClouds(config: Config): readonly (typeof inOrder)[number][] {
  return inOrder.filter(cloud => config.clouds[cloud] !== undefined)
}

/** Where what all clouds share is kept: the record of all machines, the mesh's root authority, MLflow. */
export function homeCloud(config: Config): (typeof inOrder)[number] {
  const [home] = configuredClouds(config)
  if (home === undefined) throw new Error('a configuration has at least one cloud')
  return home
}
