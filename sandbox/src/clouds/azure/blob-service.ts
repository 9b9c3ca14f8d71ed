import { createHmac } from 'node:crypto'
import { request } from 'node:https'
import { CloudError } from '../../behaviour.ts'
import type { World } from '../../world.ts'

const apiVersion = '2023-11-03'

/** Makes the container in the blob data plane; one that is there already is as good. */
export async function createBlobContainer(world: World, account: string, container: string): Promise<void> {
  await world.ensureBlobAccount(account)
  const status = await containerRequest(world, 'PUT', account, container)
  if (status !== 201 && status !== 409)
    throw new CloudError(
      'InternalError',
      `The blob service answered ${status} to the creation of ${container}.`,
      500,
    )
}

/** Removes the container with its blobs; one that is gone already is as good. */
export async function deleteBlobContainer(world: World, account: string, container: string): Promise<void> {
  await world.ensureBlobAccount(account)
  const status = await containerRequest(world, 'DELETE', account, container)
  if (status !== 202 && status !== 404)
    throw new CloudError(
      'InternalError',
      `The blob service answered ${status} to the deletion of ${container}.`,
      500,
    )
}

/**
 * One container operation with the account's shared key.
 * Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 */
async function containerRequest(
  world: World,
  method: 'PUT' | 'DELETE',
  account: string,
  container: string,
): Promise<number> {
  const date = new Date().toUTCString()
  const blankHeaders = '\n'.repeat(11)
  const toSign = `${method}\n${blankHeaders}x-ms-date:${date}\nx-ms-version:${apiVersion}\n/${account}/${container}\nrestype:container`
  const signature = createHmac('sha256', Buffer.from(world.secrets.azureStorageAccountKey, 'base64'))
    .update(toSign, 'utf8')
    .digest('base64')
  const host = `${account}.blob.core.windows.net`
  const { hostname, port } = new URL(world.endpoints.blob)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        method,
        host: hostname,
        port,
        servername: host,
        ca: world.caPem,
        path: `/${container}?restype=container`,
        headers: {
          host,
          'content-length': 0,
          'x-ms-date': date,
          'x-ms-version': apiVersion,
          authorization: `SharedKey ${account}:${signature}`,
        },
        timeout: 10_000,
      },
      response => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error(`the blob service did not answer within 10 s`)))
    outgoing.on('error', reject)
    outgoing.end()
  })
}
