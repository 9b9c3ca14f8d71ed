import type { Cloud } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { GateAnswer } from '../../engine/gates.ts'
import { accountOf } from '../clouds.ts'

/** The identity answers, works in the account that mlp.yaml names, and does not end in the middle of the run. */
export async function askCredentials(
  cloud: Cloud,
  config: Config,
  expectedMinutes: number,
  signal: AbortSignal,
): Promise<GateAnswer> {
  const { principal, account, validity } = await cloud.identity(signal)
  const wanted = accountOf(config, cloud.name)
  if (account !== wanted) {
    return {
      outcome: 'refused',
      detail: `${principal} works in ${account}, but mlp.yaml names ${wanted}`,
      remedy: [`mlp login ${cloud.name}`, `Or correct clouds.${cloud.name} in mlp.yaml.`],
    }
  }
  const detail = `${principal} in ${account}`
  if (validity.kind === 'renewed') return { outcome: 'passed', detail }
  const needed = `a run may take ${expectedMinutes} minutes`
  if (validity.kind === 'unknown') {
    return { outcome: 'warned', detail: `${detail}: nobody can tell when these credentials end; ${needed}` }
  }
  const minutes = Math.floor((Date.parse(validity.at) - Date.now()) / 60_000)
  if (minutes >= expectedMinutes) return { outcome: 'passed', detail: `${detail}, until ${validity.at}` }
  return {
    outcome: 'refused',
    detail: `${detail}: these credentials end in ${Math.max(minutes, 0)} minutes and do not renew themselves; ${needed}`,
    remedy: [`Use credentials that last longer or renew themselves: mlp login ${cloud.name}`],
  }
}
