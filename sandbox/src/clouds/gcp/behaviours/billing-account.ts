import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'

/** The one that pays for the sandbox's project. */
export const billingAccountId = '000000-000000-000000'
export const billingCurrency = 'USD'

const withheld = 'gcp-withheld-billing-rights'

/** The operator has every right on the account, but those that somebody has taken away. */
export function mayOnBilling(world: World, permission: string): boolean {
  return world.store.getFact(withheld, permission) !== true
}

export function requireBudgetRight(world: World, permission: string): void {
  if (mayOnBilling(world, permission)) return
  throw new CloudError('forbidden', 'The caller does not have permission', 403)
}
