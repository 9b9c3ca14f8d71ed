import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, count, flag, isAttributes } from '../attributes.ts'
import { type ArmRequest, type ArmResponse, armError, jsonBody } from './exchange.ts'
import { findResource } from './resources.ts'

const pattern = /^(.*\/storageAccounts\/[^/]+)\/blobServices\/default$/i

export function isBlobService(path: string): boolean {
  return pattern.test(path)
}

/**
 * The one blob service of an account: versioning and soft delete, which terraform keeps within the account.
 * Source: https://learn.microsoft.com/rest/api/storagerp/blob-services
 */
export function blobService(request: ArmRequest, world: World): ArmResponse {
  const accountId = pattern.exec(request.path)?.[1] ?? ''
  const found = findResource(world, accountId)
  if (found === undefined)
    return armError(404, 'ResourceNotFound', `The Resource '${accountId}' was not found.`)
  if (request.method === 'GET') return { status: 200, body: shown(request.path, found.stored.attributes) }
  if (request.method !== 'PUT')
    return armError(405, 'MethodNotAllowed', `The HTTP method ${request.method} is not supported here.`)
  const body = jsonBody(request)
  const properties = isAttributes(body['properties']) ? body['properties'] : {}
  const attributes = {
    ...found.stored.attributes,
    blob_properties: [
      {
        ...(block(found.stored.attributes, 'blob_properties') ?? {}),
        versioning_enabled: properties['isVersioningEnabled'] === true,
        delete_retention_policy: retention(properties, 'deleteRetentionPolicy'),
        container_delete_retention_policy: retention(properties, 'containerDeleteRetentionPolicy'),
      },
    ],
  }
  world.store.put(found.stored.type, found.stored.id, attributes)
  return { status: 200, body: shown(request.path, attributes) }
}

function retention(properties: Attributes, key: string): readonly object[] {
  const policy = isAttributes(properties[key]) ? properties[key] : {}
  return flag(policy, 'enabled') ? [{ days: count(policy, 'days') ?? 7 }] : []
}

function shown(path: string, account: Attributes): object {
  const properties = block(account, 'blob_properties') ?? {}
  const policy = (key: string) => {
    const days = count(block(properties, key) ?? {}, 'days')
    return days === undefined ? { enabled: false } : { enabled: true, days }
  }
  return {
    id: path,
    name: 'default',
    type: 'Microsoft.Storage/storageAccounts/blobServices',
    properties: {
      isVersioningEnabled: flag(properties, 'versioning_enabled'),
      deleteRetentionPolicy: policy('delete_retention_policy'),
      containerDeleteRetentionPolicy: policy('container_delete_retention_policy'),
    },
  }
}
