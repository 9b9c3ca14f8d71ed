import { actionsSettingsRoutes } from './actions-settings.ts'
import { branchRoutes } from './branches.ts'
import type { Route } from './call.ts'
import { contentRoutes } from './contents.ts'
import { conversationRoutes } from './conversations.ts'
import { deploymentRoutes } from './deployments.ts'
import { environmentRoutes } from './environments.ts'
import { jobRoutes } from './jobs.ts'
import { repositoryRoutes } from './repositories.ts'
import { runRoutes } from './runs.ts'
import { secretAndVariableRoutes } from './secrets-and-variables.ts'
import { userRoutes } from './users.ts'
import { workflowRoutes } from './workflows.ts'

/** In the order in which paths are compared: those that take slashes come last. */
export const routes: readonly Route[] = [
  ...userRoutes,
  ...repositoryRoutes,
  ...environmentRoutes,
  ...secretAndVariableRoutes,
  ...actionsSettingsRoutes,
  ...workflowRoutes,
  ...runRoutes,
  ...jobRoutes,
  ...deploymentRoutes,
  ...branchRoutes,
  ...conversationRoutes,
  ...contentRoutes,
]
