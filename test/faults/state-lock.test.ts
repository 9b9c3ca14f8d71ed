import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { createPlayground, type Playground } from '../support/mlp.ts'

const foundation = ['phase', '1', '--cloud', 'azure', '--step', '1.azure.apply-foundation', '--yes']

// terraform takes a lease on Azure's state blob and names itself with a second request; a kill may come between.
describe('a state lock whose taker was killed before it named itself', () => {
  let playground: Playground
  beforeAll(async () => {
    playground = await createPlayground()
    for (const step of ['1.azure.prepare', '1.azure.apply-foundation']) {
      const made = await playground.mlp(['phase', '1', '--cloud', 'azure', '--step', step, '--yes'])
      expect(made.exitCode, made.stdout).toBe(0)
    }
    await leaseStateBlob(playground)
  })
  afterAll(() => playground.dispose())

  it('is left alone when it may be anybody’s, with what to do', async () => {
    const refused = await playground.mlp(foundation)
    expect(refused.exitCode, refused.stdout).toBe(3)
    expect(refused.stdout).toContain('az storage blob lease break')
  })

  it('is freed when a run of this machine was killed there and nobody names itself', async () => {
    const killed = { host: hostname(), user: userInfo().username, startedAtMs: Date.now(), endedAtMs: null }
    await writeFile(join(workspace(playground), 'mlp-terraform-runs.json'), JSON.stringify([killed]))
    const next = await playground.mlp(foundation)
    expect(next.exitCode, next.stdout).toBe(0)
    expect(next.stdout).toContain('warning: freed the state lock of azure-foundation')
  })
})

const workspace = (playground: Playground) => join(playground.platformHome, 'terraform', 'azure-foundation')

/** What terraform's first request does. https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key */
async function leaseStateBlob(playground: Playground): Promise<void> {
  const read = async <T>(file: string, schema: z.ZodType<T>) =>
    schema.parse(JSON.parse(await readFile(file, 'utf8')))
  const at = (name: string) => join(playground.sandboxHome, name)
  const text = z.string()
  const { blob: port } = await read(at('ports.json'), z.looseObject({ blob: z.int() }))
  const { azureStorageAccountKey } = await read(
    at('secrets.json'),
    z.looseObject({ azureStorageAccountKey: text }),
  )
  const backend = await read(
    join(workspace(playground), 'mlp.backend.json'),
    z.looseObject({ storage_account_name: text, container_name: text, key: text }),
  )
  const account = backend.storage_account_name
  const path = `/${backend.container_name}/${backend.key}`
  const headers = {
    'x-ms-date': new Date().toUTCString(),
    'x-ms-lease-action': 'acquire',
    'x-ms-lease-duration': '-1',
    'x-ms-version': '2023-11-03',
  }
  const signedHeaders = Object.entries(headers).map(([name, value]) => `${name}:${value}`)
  const toSign = ['PUT', ...Array(11).fill(''), ...signedHeaders, `/${account}${path}`, 'comp:lease'].join(
    '\n',
  )
  const signature = createHmac('sha256', Buffer.from(azureStorageAccountKey, 'base64'))
    .update(toSign)
    .digest('base64')
  const host = `${account}.blob.core.windows.net`
  const outgoing = request({
    host: '127.0.0.1',
    port,
    servername: host,
    ca: await readFile(at('ca.pem')),
    method: 'PUT',
    path: `${path}?comp=lease`,
    headers: { ...headers, host, authorization: `SharedKey ${account}:${signature}` },
  }).end()
  const [answer]: IncomingMessage[] = await once(outgoing, 'response')
  answer?.resume()
  expect(answer?.statusCode).toBe(201)
}
