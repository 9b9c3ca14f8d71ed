import type { Gate } from '../engine/gates.ts'
import { isOlder, readLockFile } from './lock-file.ts'
import type { Context } from './phase.ts'

/** mlp's images are of its own release: an mlp that is older than mlp.lock's would take the platform back. */
export const releaseGate: Gate<Context> = {
  id: 'release',
  cloud: 'all',
  async ask(context) {
    const lock = await readLockFile(context.platformFolder)
    if (lock === undefined || !isOlder(context.mlpVersion, lock.mlp))
      return { outcome: 'passed', detail: `mlp ${context.mlpVersion}` }
    const detail = `mlp.lock names mlp ${lock.mlp}, and this is ${context.mlpVersion}: an older release would be deployed`
    if (context.consent.rollback === true) return { outcome: 'warned', detail }
    return { outcome: 'refused', detail, remedy: [`Update mlp to ${lock.mlp}.`], flag: '--rollback' }
  },
}
