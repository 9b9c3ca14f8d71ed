import { actionsSettingsRoutes } from './actions-settings.ts'
import { branchRoutes } from './branches.ts'
import type { Route } from './call.ts'
import { commitStatusRoutes } from './commit-statuses.ts'
import { commitRoutes } from './commits.ts'
import { contentRoutes } from './contents.ts'
import { deploymentRoutes } from './deployments.ts'
import { environmentRoutes } from './environments.ts'
import { gitDataRoutes } from './git-data.ts'
import { issueRoutes } from './issues.ts'
import { jobRoutes } from './jobs.ts'
import { pullRoutes } from './pulls.ts'
import { repositoryRoutes } from './repositories.ts'
import { rulesetRoutes } from './rulesets.ts'
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
  ...rulesetRoutes,
  ...issueRoutes,
  ...pullRoutes,
  ...commitStatusRoutes,
  ...contentRoutes,
  ...commitRoutes,
  ...gitDataRoutes,
]
