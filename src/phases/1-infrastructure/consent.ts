import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Plan } from '../../tools/terraform/plan-document.ts'
import type { Context } from '../phase.ts'
import { describe, losesData, summarise } from './plan-summary.ts'

/** Shows the plan and asks. What would lose data is asked for by address, on its own, and `--yes` does not answer it. */
export async function approvePlan(context: Context, workspaceName: string, plan: Plan): Promise<void> {
  const unagreed = losesData(plan).filter(({ address }) => !context.consent.allowReplace.includes(address))
  for (const { address, kind, because } of unagreed) {
    const agreed = await context.consent.approve({
      id: 'lose-data',
      message: `${kind} ${address} in ${workspaceName}? Its data will be lost.`,
      details: because.map(path => `forced by a change of ${path}`),
      safe: false,
      flag: `--allow-replace '${address}'`,
    })
    if (!agreed) throw refused(workspaceName, `${kind} ${address} loses data and was not agreed to`)
  }
  const agreed = await context.consent.approve({
    id: 'apply-plan',
    message: `Apply ${workspaceName}: ${summarise(plan)}?`,
    details: describe(plan),
    safe: true,
    flag: '--yes',
  })
  if (!agreed) throw refused(workspaceName, 'the plan was not agreed to')
}

function refused(workspaceName: string, why: string): MlpError {
  return new MlpError({
    code: 'MLP5002',
    summary: `${workspaceName} was left as it is: ${why}`,
    remedy: [
      'Change mlp.yaml or overrides/ until the plan is what you want; `mlp plan` shows it and changes nothing.',
    ],
    exitCode: exitCodes.refused,
  })
}
