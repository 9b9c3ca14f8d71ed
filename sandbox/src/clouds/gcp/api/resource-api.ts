import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import { requireProject } from '../google.ts'
import type { Call, Route } from './routing.ts'
import { notFound } from './routing.ts'

/**
 * The two read methods that almost every service has for what terraform made: get by name, list by parent.
 * `item` and `list` are paths as in Google's API reference; the id of a resource follows from the path's parameters.
 */
export function readRoutes(service: {
  readonly type: string
  readonly item: string
  readonly list: string
  readonly listField: string
  readonly id: (params: Readonly<Record<string, string>>) => string
  /** Whether a resource lies below the list's path; the wildcard location is `-`. */
  readonly below: (attributes: Attributes, params: Readonly<Record<string, string>>) => boolean
  readonly project: (resource: StoredResource, call: Call) => object
}): readonly Route[] {
  return [
    {
      method: 'GET',
      path: service.item,
      run(call) {
        checkProject(call)
        const id = service.id(call.params)
        const found = call.world.store.get(service.type, id)
        if (found === undefined) throw notFound(`Resource '${id}'`)
        return service.project(found, call)
      },
    },
    {
      method: 'GET',
      path: service.list,
      run(call) {
        checkProject(call)
        const resources = call.world.store
          .list(service.type)
          .filter(({ attributes }) => service.below(attributes, call.params))
        return { [service.listField]: resources.map(resource => service.project(resource, call)) }
      },
    },
  ]
}

function checkProject(call: Call): void {
  const project = call.params['project']
  if (project !== undefined) requireProject(project, call.world)
}

export function inLocation(
  attribute: string,
): (attributes: Attributes, params: Readonly<Record<string, string>>) => boolean {
  return (attributes, params) =>
    params['location'] === undefined ||
    params['location'] === '-' ||
    attributes[attribute] === params['location']
}
