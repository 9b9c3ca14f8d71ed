import * as z from 'zod'
import { GithubError } from '../errors.ts'
import { subjectPrefix } from '../oidc/subject.ts'
import type { Repository } from '../records.ts'
import { bodyOf, type Call, created, noContent, ok, type Route, repositoryOf } from './call.ts'

const reads = { permission: 'administration', access: 'read', role: 'admin' } as const
const writes = { permission: 'administration', access: 'write' } as const
const root = '/repos/{owner}/{repo}/actions'

function put(call: Call, change: (repository: Repository) => Repository): typeof noContent {
  const repository = repositoryOf(call)
  call.hub.records.repositories.put(String(repository.id), change(repository))
  return noContent
}

export const actionsSettingsRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/permissions`,
    needs: reads,
    run(call) {
      const { actions } = repositoryOf(call)
      return ok({
        enabled: actions.enabled,
        ...(actions.enabled ? { allowed_actions: actions.allowed } : {}),
        sha_pinning_required: actions.shaPinning,
      })
    },
  },
  {
    method: 'PUT',
    path: `${root}/permissions`,
    needs: writes,
    run(call) {
      const asked = bodyOf(
        call,
        z.looseObject({
          enabled: z.boolean(),
          allowed_actions: z.enum(['all', 'local_only', 'selected']).optional(),
          sha_pinning_required: z.boolean().optional(),
        }),
      )
      return put(call, repository => ({
        ...repository,
        actions: {
          ...repository.actions,
          enabled: asked.enabled,
          allowed: asked.allowed_actions ?? repository.actions.allowed,
          shaPinning: asked.sha_pinning_required ?? repository.actions.shaPinning,
        },
      }))
    },
  },
  {
    method: 'GET',
    path: `${root}/permissions/selected-actions`,
    needs: reads,
    run(call) {
      const { actions } = repositoryOf(call)
      if (actions.allowed !== 'selected') throw new GithubError(409, 'Conflict')
      return ok(actions.selected)
    },
  },
  {
    method: 'PUT',
    path: `${root}/permissions/selected-actions`,
    needs: writes,
    run(call) {
      const asked = bodyOf(
        call,
        z.looseObject({
          github_owned_allowed: z.boolean().optional(),
          verified_allowed: z.boolean().optional(),
          patterns_allowed: z.array(z.string()).optional(),
        }),
      )
      if (repositoryOf(call).actions.allowed !== 'selected') throw new GithubError(409, 'Conflict')
      return put(call, repository => ({
        ...repository,
        actions: {
          ...repository.actions,
          selected: {
            github_owned_allowed:
              asked.github_owned_allowed ?? repository.actions.selected.github_owned_allowed,
            verified_allowed: asked.verified_allowed ?? repository.actions.selected.verified_allowed,
            patterns_allowed: asked.patterns_allowed ?? repository.actions.selected.patterns_allowed,
          },
        },
      }))
    },
  },
  {
    method: 'GET',
    path: `${root}/permissions/workflow`,
    needs: reads,
    run(call) {
      const { actions } = repositoryOf(call)
      return ok({
        default_workflow_permissions: actions.defaultPermissions,
        can_approve_pull_request_reviews: actions.canApprove,
      })
    },
  },
  {
    method: 'PUT',
    path: `${root}/permissions/workflow`,
    needs: writes,
    run(call) {
      const asked = bodyOf(
        call,
        z.looseObject({
          default_workflow_permissions: z.enum(['read', 'write']).optional(),
          can_approve_pull_request_reviews: z.boolean().optional(),
        }),
      )
      return put(call, repository => ({
        ...repository,
        actions: {
          ...repository.actions,
          defaultPermissions: asked.default_workflow_permissions ?? repository.actions.defaultPermissions,
          canApprove: asked.can_approve_pull_request_reviews ?? repository.actions.canApprove,
        },
      }))
    },
  },
  {
    method: 'GET',
    path: `${root}/oidc/customization/sub`,
    needs: { permission: 'actions', access: 'read' },
    run(call) {
      const repository = repositoryOf(call)
      const { useDefault, claimKeys, immutable } = repository.subject
      return ok({
        use_default: useDefault,
        ...(useDefault ? {} : { include_claim_keys: claimKeys }),
        use_immutable_subject: immutable,
        sub_claim_prefix: subjectPrefix(call.hub.records, repository),
      })
    },
  },
  {
    method: 'PUT',
    path: `${root}/oidc/customization/sub`,
    needs: { permission: 'actions', access: 'write', role: 'admin' },
    run(call) {
      const asked = bodyOf(
        call,
        z.looseObject({
          use_default: z.boolean(),
          include_claim_keys: z.array(z.string().regex(/^\w+$/)).optional(),
          use_immutable_subject: z.boolean().optional(),
        }),
      )
      put(call, repository => ({
        ...repository,
        subject: {
          useDefault: asked.use_default,
          claimKeys: asked.use_default ? [] : (asked.include_claim_keys ?? []),
          immutable: asked.use_immutable_subject ?? repository.subject.immutable,
        },
      }))
      return created({})
    },
  },
]
