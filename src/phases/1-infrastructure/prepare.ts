import type { CloudName } from '../../clouds/cloud.ts'
import type { PlatformStep } from '../phase.ts'
import { cloudOf } from './cloud-of.ts'
import type { PlanAhead } from './plan-ahead.ts'

/** What terraform cannot make for itself: enabled APIs, registered providers, billing, the bucket its state lives in. */
export function prepareStep(cloudName: CloudName, ahead: PlanAhead): PlatformStep {
  return {
    id: `1.${cloudName}.prepare`,
    cloud: cloudName,
    title: 'Account and state bucket',
    needs: [],
    inputs: context => ({
      region: cloudOf(context, cloudName).region,
      account: context.target.clouds[cloudName]?.account,
    }),
    async status(context) {
      const missing = await cloudOf(context, cloudName).missingPreparations(context.signal)
      return missing.length === 0
        ? { state: 'present', outputs: {} }
        : { state: 'absent', why: `missing: ${missing.join(', ')}` }
    },
    async apply(context, progress) {
      ahead.forget()
      await cloudOf(context, cloudName).prepare(context.signal, progress.report)
      return {}
    },
    async undo(context) {
      // The state bucket holds the proof of what was made, and enabled APIs may serve others: neither is taken back.
      return { removed: [], kept: await cloudOf(context, cloudName).preparations(context.signal), left: [] }
    },
  }
}
