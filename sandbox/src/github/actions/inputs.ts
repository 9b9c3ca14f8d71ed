import { GithubError } from '../errors.ts'
import type { HubEvent } from '../hub.ts'
import type { Workflow } from './workflow.ts'

/** The inputs of a dispatch: what was given, else the default; refuses what the workflow does not take. */
export function readInputs(workflow: Workflow, event: HubEvent): Record<string, unknown> {
  if (event.name !== 'workflow_dispatch') return {}
  const declared = workflow.on['workflow_dispatch']?.inputs ?? {}
  const unexpected = Object.keys(event.inputs).filter(name => !(name in declared))
  if (unexpected.length > 0)
    throw new GithubError(422, `Unexpected inputs provided: ${JSON.stringify(unexpected)}`)
  return Object.fromEntries(
    Object.entries(declared).map(([name, input]) => {
      const type = input?.type ?? 'string'
      const given = event.inputs[name] ?? input?.default
      if (given === undefined || given === null) {
        if (input?.required === true) throw new GithubError(422, `Required input '${name}' not provided`)
        return [name, type === 'boolean' ? false : '']
      }
      if (type === 'boolean') return [name, String(given) === 'true']
      if (type === 'number') return [name, Number(given)]
      if (type === 'choice' && input?.options !== undefined && !input.options.includes(String(given)))
        throw new GithubError(
          422,
          `Provided value '${String(given)}' for input '${name}' not in the list of allowed values`,
        )
      return [name, String(given)]
    }),
  )
}
