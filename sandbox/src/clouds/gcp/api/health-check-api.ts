import { CloudError } from '../../../behaviour.ts'
import { type Check, dnsStore } from '../../../dns/dns-store.ts'
import { object, text, texts } from '../attributes.ts'
import { computeLinkBase, now, requireProject, stableNumber } from '../google.ts'
import type { Call, Route } from './routing.ts'
import { notFound } from './routing.ts'

/*
 * Global health checks with source regions, which Cloud DNS asks of addresses of the internet.
 * https://cloud.google.com/compute/docs/reference/rest/v1/healthChecks
 */

const checks = '/compute/v1/projects/{project}/global/healthChecks'

export const healthCheckRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: checks,
    run(call) {
      requireProject(call.params['project'] ?? '', call.world)
      return {
        kind: 'compute#healthCheckList',
        items: dnsStore(call.world.store)
          .checks('gcp')
          .map(({ shown }) => shown),
      }
    },
  },
  { method: 'GET', path: `${checks}/{name}`, run: call => checkOf(call).shown },
  {
    method: 'POST',
    path: checks,
    run(call) {
      requireProject(call.params['project'] ?? '', call.world)
      const name = text(call.body, 'name') ?? ''
      if (
        dnsStore(call.world.store)
          .checks('gcp')
          .some(({ id }) => id === name)
      )
        throw new CloudError(
          'alreadyExists',
          `The resource 'projects/${call.params['project']}/global/healthChecks/${name}' already exists`,
          409,
        )
      return put(call, name, {})
    },
  },
  {
    method: 'PATCH',
    path: `${checks}/{name}`,
    run(call) {
      const { id, shown } = checkOf(call)
      return put(call, id, shown)
    },
  },
  {
    method: 'DELETE',
    path: `${checks}/{name}`,
    run(call) {
      const check = checkOf(call)
      const store = dnsStore(call.world.store)
      const isUsed = store
        .zones('gcp')
        .flatMap(zone => store.entries(zone))
        .some(({ choices }) => choices.some(({ health }) => health?.startsWith(`${check.id}#`)))
      if (isUsed)
        throw new CloudError(
          'resourceInUseByAnotherResource',
          `The health_check resource '${check.id}' is already being used by a DNS routing policy`,
          400,
        )
      store.deleteCheck(check)
      return operation(call, 'delete', check.id)
    },
  },
  {
    method: 'GET',
    path: '/compute/v1/projects/{project}/global/operations/{name}',
    run: call => ({ kind: 'compute#operation', name: call.params['name'], status: 'DONE', progress: 100 }),
  },
]

function checkOf({ world, params }: Call): Check {
  requireProject(params['project'] ?? '', world)
  const found = dnsStore(world.store)
    .checks('gcp')
    .find(({ id }) => id === params['name'])
  if (found === undefined)
    throw notFound(`The resource 'projects/${params['project']}/global/healthChecks/${params['name']}'`)
  return found
}

function put(call: Call, name: string, before: Check['shown']): object {
  const { world, params } = call
  const shown = { ...before, ...call.body }
  const regions = texts(shown, 'sourceRegions')
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name) || text(shown, 'type') !== 'HTTPS')
    throw new CloudError('invalid', 'the sandbox has health checks of the type HTTPS only', 400)
  if (regions.length !== 3 || Number(shown['checkIntervalSec'] ?? 5) < 30)
    throw new CloudError(
      'invalid',
      `Invalid value for field 'resource.sourceRegions': '${regions.join()}'. There must be exactly 3 source regions, and checkIntervalSec at least 30.`,
      400,
    )
  const https = object(shown, 'httpsHealthCheck')
  dnsStore(world.store).putCheck({
    ...{
      cloud: 'gcp',
      id: name,
      port: Number(https['port'] ?? 443),
      path: text(https, 'requestPath') ?? '/',
    },
    host: text(https, 'host'),
    intervalSeconds: Number(shown['checkIntervalSec']),
    failures: Number(shown['unhealthyThreshold'] ?? 2),
    shown: {
      creationTimestamp: now(),
      ...shown,
      ...{ kind: 'compute#healthCheck', id: stableNumber(name, 19) },
      selfLink: `${computeLinkBase}projects/${params['project']}/global/healthChecks/${name}`,
    },
  })
  return operation(call, call.method === 'POST' ? 'insert' : 'patch', name)
}

function operation({ params }: Call, operationType: string, name: string): object {
  return {
    kind: 'compute#operation',
    ...{
      id: stableNumber(`${name}${Date.now()}`, 19),
      name: `operation-${Date.now()}-${operationType}`,
      operationType,
    },
    targetLink: `${computeLinkBase}projects/${params['project']}/global/healthChecks/${name}`,
    ...{ status: 'DONE', progress: 100 },
  }
}
