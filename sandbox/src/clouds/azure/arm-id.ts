/** Azure Resource Manager ids. They keep the case they were made with and compare without it. */

export function sameId(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** Is `id` the thing `ancestor` names, or something inside of it? */
export function isWithin(id: string, ancestor: string): boolean {
  const inner = id.toLowerCase()
  const outer = ancestor.toLowerCase()
  return inner === outer || inner.startsWith(`${outer}/`)
}

export function subscriptionId(id: string): string | undefined {
  return /^\/subscriptions\/([^/]+)/i.exec(id)?.[1]
}

/** The group's id of anything inside of a group. */
export function resourceGroupId(id: string): string | undefined {
  return /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+/i.exec(id)?.[0]
}

export function lastSegment(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1)
}

/**
 * What contains a resource: the parent resource of a child, the target of an extension (role assignments, locks), the
 * resource group of the rest.
 */
export function parentId(id: string): string | undefined {
  const [, before, typed] = /^(.*)\/providers\/(.+)$/i.exec(id) ?? []
  if (before === undefined || typed === undefined) return undefined
  const segments = typed.split('/')
  return segments.length > 3 ? id.slice(0, id.length - segments.slice(-2).join('/').length - 1) : before
}

/** 'Microsoft.Network/virtualNetworks/subnets'; a resource group's is 'Microsoft.Resources/resourceGroups'. */
export function armType(id: string): string | undefined {
  const typed = /^.*\/providers\/(.+)$/i.exec(id)?.[1]
  if (typed === undefined)
    return /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+$/i.test(id)
      ? 'Microsoft.Resources/resourceGroups'
      : undefined
  const [namespace, ...rest] = typed.split('/')
  return [namespace, ...rest.filter((_, index) => index % 2 === 0)].join('/')
}
