import * as z from 'zod'
import { invalid, notFound } from '../errors.ts'
import { now } from '../hub.ts'
import type { Repository, Ruleset } from '../records.ts'
import {
  bodyOf,
  type Call,
  created,
  noContent,
  numberParam,
  ok,
  page,
  type Route,
  repositoryOf,
} from './call.ts'
import { nodeId } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'metadata', access: 'read' } as const
const writes = { permission: 'administration', access: 'write' } as const

const rulesetSchema = z.looseObject({
  name: z.string(),
  target: z.enum(['branch', 'tag', 'push']).default('branch'),
  enforcement: z.enum(['disabled', 'active', 'evaluate']),
  bypass_actors: z.array(z.record(z.string(), z.unknown())).default([]),
  conditions: z
    .looseObject({
      ref_name: z.object({
        include: z.array(z.string()).default([]),
        exclude: z.array(z.string()).default([]),
      }),
    })
    .optional(),
  rules: z
    .array(z.object({ type: z.string(), parameters: z.record(z.string(), z.unknown()).optional() }))
    .default([]),
})

function showRuleset(call: Call, repository: Repository, ruleset: Ruleset): object {
  return {
    id: ruleset.id,
    name: ruleset.name,
    target: ruleset.target,
    source_type: 'Repository',
    source: `${repository.owner}/${repository.name}`,
    enforcement: ruleset.enforcement,
    node_id: nodeId('RRS', ruleset.id),
    _links: {
      self: { href: `${repositoryUrl(repository, call.bases)}/rulesets/${ruleset.id}` },
      html: { href: `${repositoryPage(repository, call.bases)}/rules/${ruleset.id}` },
    },
    created_at: ruleset.createdAt,
    updated_at: ruleset.updatedAt,
    bypass_actors: ruleset.bypassActors,
    conditions: { ref_name: { include: ruleset.include, exclude: ruleset.exclude } },
    rules: ruleset.rules,
    current_user_can_bypass: 'never',
  }
}

function rulesetOf(call: Call, repository: Repository): Ruleset {
  const found = call.hub.records.rulesets.get(`${repository.id}/${numberParam(call, 'ruleset_id')}`)
  if (found === undefined) throw notFound()
  return found
}

function putRuleset(call: Call, repository: Repository, known: Ruleset | undefined): Ruleset {
  const asked = bodyOf(call, rulesetSchema)
  const { records } = call.hub
  const twin = records.rulesets
    .list(`${repository.id}/`)
    .find(one => one.name === asked.name && one.id !== known?.id)
  if (twin !== undefined) throw invalid('Name must be unique')
  const id = known?.id ?? records.nextId()
  return records.rulesets.put(`${repository.id}/${id}`, {
    id,
    name: asked.name,
    target: asked.target,
    enforcement: asked.enforcement,
    include: asked.conditions?.ref_name.include ?? [],
    exclude: asked.conditions?.ref_name.exclude ?? [],
    bypassActors: asked.bypass_actors,
    rules: asked.rules.map(({ type, parameters }) => ({
      type,
      ...(parameters === undefined ? {} : { parameters }),
    })),
    createdAt: known?.createdAt ?? now(),
    updatedAt: now(),
  })
}

export const rulesetRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/rulesets`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      return page(call, call.hub.records.rulesets.list(`${repository.id}/`), one => {
        const { id, name, target, enforcement, createdAt, updatedAt } = one
        return {
          id,
          name,
          target,
          enforcement,
          source_type: 'Repository',
          source: `${repository.owner}/${repository.name}`,
          node_id: nodeId('RRS', id),
          created_at: createdAt,
          updated_at: updatedAt,
        }
      })
    },
  },
  {
    method: 'POST',
    path: `${root}/rulesets`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      return created(showRuleset(call, repository, putRuleset(call, repository, undefined)))
    },
  },
  {
    method: 'GET',
    path: `${root}/rulesets/{ruleset_id}`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showRuleset(call, repository, rulesetOf(call, repository)))
    },
  },
  {
    method: 'PUT',
    path: `${root}/rulesets/{ruleset_id}`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showRuleset(call, repository, putRuleset(call, repository, rulesetOf(call, repository))))
    },
  },
  {
    method: 'DELETE',
    path: `${root}/rulesets/{ruleset_id}`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      call.hub.records.rulesets.delete(`${repository.id}/${rulesetOf(call, repository).id}`)
      return noContent
    },
  },
]
