import { MlpError } from '../../engine/errors.ts'
import type { Plan } from '../../tools/terraform/plan-document.ts'
import type { Context } from '../phase.ts'
import { describe, losesData, summarise } from './plan-summary.ts'

/** Asks for what would lose data by address, each on its own; `--yes` does not answer it. */
export async function approveLosses(context: Context, workspaceName: string, plan: Plan): Promise<void> {
  const unagreed = losesData(plan).filter(({ address }) => !context.consent.allowReplace.includes(address))
  for (const { address, kind, tainted, because } of unagreed) {
    const agreed = await context.consent.approve({
      id: 'lose-data',
      message: `${kind} ${address} in ${workspaceName}? Its data will be lost.`,
      details: tainted
        ? ['the cloud says that it failed to make it; whether it held data before cannot be known']
        : because.map(path => `forced by a change of ${path}`),
      safe: false,
      flag: `--allow-replace '${address}'`,
    })
    if (!agreed) throw refused(workspaceName, `${kind} ${address} loses data and was not agreed to`)
  }
}

/** Asks for what would lose data, then shows the whole plan and asks for that. */
export async function approvePlan(context: Context, workspaceName: string, plan: Plan): Promise<void> {
  await approveLosses(context, workspaceName, plan)
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
  })
}
