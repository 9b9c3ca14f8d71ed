import type { BuiltinAction } from './action.ts'
import { checkout } from './checkout.ts'
import { azureLogin, configureAwsCredentials, googleAuth } from './cloud-logins.ts'
import { setupNode } from './setup-node.ts'

/** By name in lower case, whatever version is asked for. */
export const builtinActions: Readonly<Record<string, BuiltinAction>> = {
  'actions/checkout': checkout,
  'actions/setup-node': setupNode,
  'aws-actions/configure-aws-credentials': configureAwsCredentials,
  'azure/login': azureLogin,
  'google-github-actions/auth': googleAuth,
}
