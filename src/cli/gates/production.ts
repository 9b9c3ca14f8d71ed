import { MlpError } from '../../engine/errors.ts'
import type { Gate, GateAnswer } from '../../engine/gates.ts'
import type { Context } from '../../phases/phase.ts'

const flag = '--allow-production'

/** Production changes only when somebody says so, each time. */
export const productionGate: Gate<Context> = {
  id: 'production',
  cloud: 'all',
  async ask({ config, target, consent }): Promise<GateAnswer> {
    if (config.environment !== 'prod')
      return { outcome: 'passed', detail: `the environment is ${config.environment}` }
    try {
      const agreed = await consent.approve({
        id: 'production',
        message: `Change the production environment of ${config.project} on the ${target.name} target?`,
        details: [],
        safe: false,
        flag,
      })
      if (agreed) return { outcome: 'passed', detail: 'changing production was agreed to' }
    } catch (error) {
      // Nobody to ask.
      if (!(error instanceof MlpError) || error.code !== 'MLP5001') throw error
    }
    const detail = `the environment is prod, and changing it was not agreed to`
    return { outcome: 'refused', detail, remedy: ['Choose another environment with --env.'], flag }
  },
}
