import * as z from 'zod'
import { GithubError, invalid, notFound } from '../errors.ts'
import { now } from '../hub.ts'
import type { Repository, Variable } from '../records.ts'
import { openSealed, publicKeyOf } from '../secret-box.ts'
import { bodyOf, type Call, created, noContent, ok, page, param, type Route, repositoryOf } from './call.ts'
import { environmentOf } from './environments.ts'
import { repositoryUrl } from './show-repository.ts'

/** Whose they are: the repository's own have 0. */
interface Place {
  readonly repository: Repository
  readonly scope: number
  readonly url: string
}

function ofRepository(call: Call): Place {
  const repository = repositoryOf(call)
  return { repository, scope: 0, url: `${repositoryUrl(repository, call.bases)}/actions` }
}

function ofEnvironment(call: Call): Place {
  const repository = repositoryOf(call)
  const environment = environmentOf(call, repository)
  return {
    repository,
    scope: environment.id,
    url: `${repositoryUrl(repository, call.bases)}/environments/${encodeURIComponent(environment.name)}`,
  }
}

function prefix({ repository, scope }: Place): string {
  return `${repository.id}/${scope}/`
}

/** https://docs.github.com/actions/reference/security/secrets#naming-your-secrets */
function checkName(name: string, kind: 'Secret' | 'Variable'): string {
  if (/^[A-Za-z_]\w*$/.test(name) && !/^GITHUB_/i.test(name)) return name.toUpperCase()
  throw new GithubError(
    422,
    `${kind} names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_).`,
  )
}

const largestBytes = 48 << 10

function variableRoutes(root: string, place: (call: Call) => Place, permission: string): readonly Route[] {
  const reads = { permission, access: 'read' } as const
  const writes = { permission, access: 'write' } as const
  const show = ({ name, value, createdAt, updatedAt }: Variable) => ({
    name,
    value,
    created_at: createdAt,
    updated_at: updatedAt,
  })
  const known = (call: Call, at: Place) => {
    const found = call.hub.records.variables.get(`${prefix(at)}${param(call, 'name').toUpperCase()}`)
    if (found === undefined) throw notFound()
    return found
  }
  const fits = (value: string) => {
    if (Buffer.byteLength(value) > largestBytes)
      throw new GithubError(422, `Variable value is too large. Must be less than ${largestBytes} bytes.`)
    return value
  }
  return [
    {
      method: 'GET',
      path: `${root}/variables`,
      needs: reads,
      run(call) {
        const all = call.hub.records.variables.list(prefix(place(call)))
        return page(call, all, show, variables => ({ total_count: all.length, variables }), 10)
      },
    },
    {
      method: 'POST',
      path: `${root}/variables`,
      needs: writes,
      run(call) {
        const at = place(call)
        const asked = bodyOf(call, z.looseObject({ name: z.string(), value: z.string() }))
        const name = checkName(asked.name, 'Variable')
        const key = `${prefix(at)}${name}`
        if (call.hub.records.variables.get(key) !== undefined)
          throw new GithubError(409, 'Already exists - Variable already exists')
        const time = now()
        call.hub.records.variables.put(key, {
          name,
          value: fits(asked.value),
          createdAt: time,
          updatedAt: time,
        })
        return created({})
      },
    },
    {
      method: 'GET',
      path: `${root}/variables/{name}`,
      needs: reads,
      run: call => ok(show(known(call, place(call)))),
    },
    {
      method: 'PATCH',
      path: `${root}/variables/{name}`,
      needs: writes,
      run(call) {
        const at = place(call)
        const before = known(call, at)
        const asked = bodyOf(
          call,
          z.looseObject({ name: z.string().optional(), value: z.string().optional() }),
        )
        const name = asked.name === undefined ? before.name : checkName(asked.name, 'Variable')
        call.hub.records.variables.delete(`${prefix(at)}${before.name}`)
        call.hub.records.variables.put(`${prefix(at)}${name}`, {
          ...before,
          name,
          value: fits(asked.value ?? before.value),
          updatedAt: now(),
        })
        return noContent
      },
    },
    {
      method: 'DELETE',
      path: `${root}/variables/{name}`,
      needs: writes,
      run(call) {
        const at = place(call)
        call.hub.records.variables.delete(`${prefix(at)}${known(call, at).name}`)
        return noContent
      },
    },
  ]
}

function secretRoutes(root: string, place: (call: Call) => Place, permission: string): readonly Route[] {
  const reads = { permission, access: 'read' } as const
  const writes = { permission, access: 'write' } as const
  const show = ({ name, createdAt, updatedAt }: Variable) => ({
    name,
    created_at: createdAt,
    updated_at: updatedAt,
  })
  const known = (call: Call, at: Place) => {
    const found = call.hub.records.secrets.get(`${prefix(at)}${param(call, 'name').toUpperCase()}`)
    if (found === undefined) throw notFound()
    return found
  }
  return [
    {
      method: 'GET',
      path: `${root}/secrets`,
      needs: reads,
      run(call) {
        const all = call.hub.records.secrets.list(prefix(place(call)))
        return page(call, all, show, secrets => ({ total_count: all.length, secrets }))
      },
    },
    {
      method: 'GET',
      path: `${root}/secrets/public-key`,
      needs: reads,
      run: async call => ok(await publicKeyOf(call.hub.records, prefix(place(call)))),
    },
    {
      method: 'GET',
      path: `${root}/secrets/{name}`,
      needs: reads,
      run: call => ok(show(known(call, place(call)))),
    },
    {
      method: 'PUT',
      path: `${root}/secrets/{name}`,
      needs: writes,
      async run(call) {
        const at = place(call)
        const asked = bodyOf(call, z.looseObject({ encrypted_value: z.string(), key_id: z.string() }))
        const name = checkName(param(call, 'name'), 'Secret')
        if (asked.encrypted_value === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(asked.encrypted_value))
          throw new GithubError(422, 'Bad request - encrypted_value is not valid Base64')
        const value = await openSealed(call.hub.records, prefix(at), asked.key_id, asked.encrypted_value)
        if (value === undefined)
          throw invalid({
            resource: 'Secret',
            field: 'encrypted_value',
            code: 'invalid',
            message: 'The value was not encrypted with the public key of this repository or environment.',
          })
        if (Buffer.byteLength(value) > largestBytes)
          throw new GithubError(422, `Secret value is too large. Must be less than ${largestBytes} bytes.`)
        const key = `${prefix(at)}${name}`
        const before = call.hub.records.secrets.get(key)
        const time = now()
        call.hub.records.secrets.put(key, {
          name,
          value,
          createdAt: before?.createdAt ?? time,
          updatedAt: time,
        })
        return before === undefined ? created({}) : noContent
      },
    },
    {
      method: 'DELETE',
      path: `${root}/secrets/{name}`,
      needs: writes,
      run(call) {
        const at = place(call)
        call.hub.records.secrets.delete(`${prefix(at)}${known(call, at).name}`)
        return noContent
      },
    },
  ]
}

const repository = '/repos/{owner}/{repo}/actions'
const environment = '/repos/{owner}/{repo}/environments/{environment_name}'

export const secretAndVariableRoutes: readonly Route[] = [
  ...variableRoutes(repository, ofRepository, 'variables'),
  ...variableRoutes(environment, ofEnvironment, 'environments'),
  ...secretRoutes(repository, ofRepository, 'secrets'),
  ...secretRoutes(environment, ofEnvironment, 'environments'),
]
