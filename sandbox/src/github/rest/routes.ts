import { actionsSettingsRoutes } from './actions-settings.ts'
import { branchRoutes } from './branches.ts'
import type { Route } from './call.ts'
import { contentRoutes } from './contents.ts'
import { conversationRoutes } from './conversations.ts'
import { environmentRoutes } from './environments.ts'
import { repositoryRoutes } from './repositories.ts'
import { runRoutes } from './runs.ts'
import { secretAndVariableRoutes } from './secrets-and-variables.ts'
import { userRoutes } from './users.ts'

/** In the order in which paths are compared: those that take slashes come last. */
export const routes: readonly Route[] = [
  ...userRoutes,
  ...repositoryRoutes,
  ...environmentRoutes,
  ...secretAndVariableRoutes,
  ...actionsSettingsRoutes,
  ...runRoutes,
  ...branchRoutes,
  ...conversationRoutes,
  ...contentRoutes,
]
