import type { BuiltinAction } from './action.ts'
import { checkout } from './checkout.ts'
import { setupNode } from './setup-node.ts'

/** By name in lower case, whatever version is asked for. */
export const builtinActions: Readonly<Record<string, BuiltinAction>> = {
  'actions/checkout': checkout,
  'actions/setup-node': setupNode,
}
