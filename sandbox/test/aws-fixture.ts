import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { aws } from '../src/clouds/aws/index.ts'
import { createCertificateAuthority, issueCertificate } from '../src/kubernetes/pki.ts'
import { type Harness, startHarness, testSecrets } from './terraform-harness.ts'

/** The terraform harness, with the whole AWS API over TLS and the real versitygw behind it. */
export async function startAwsHarness(): Promise<Harness> {
  const harness = await startHarness([aws])
  const { world } = harness
  const authority = await createCertificateAuthority('sandbox test')
  const leaf = await issueCertificate(authority, {
    commonName: '127.0.0.1',
    usage: ['server'],
    ipAddresses: ['127.0.0.1'],
  })
  await writeFile(world.caFile, authority.certificatePem)
  setDefaultCACertificates([...getCACertificates('default'), authority.certificatePem])
  const server = createTlsServer({ cert: leaf.certificatePem, key: leaf.keyPem }, (request, response) => {
    aws.handle(request, response, world).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the API has no port')
  const storage = await startObjectStore()
  Object.assign(world.endpoints, { aws: `https://127.0.0.1:${address.port}`, s3: storage.url })
  return {
    ...harness,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await storage.close()
      await harness.close()
    },
  }
}

async function startObjectStore(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-s3-'))
  const data = join(folder, 'data')
  await mkdir(data)
  const port = await freePort()
  const program =
    process.env['VERSITYGW'] ??
    join(process.env['MLP_CACHE_HOME'] ?? join(homedir(), '.cache', 'mlp'), 'tools/versitygw/1.8.0/versitygw')
  const child = spawn(program, ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', data], {
    stdio: 'ignore',
    env: {
      ...process.env,
      ROOT_ACCESS_KEY: testSecrets.awsAccessKeyId,
      ROOT_SECRET_KEY: testSecrets.awsSecretAccessKey,
    },
  })
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  const url = `http://127.0.0.1:${port}`
  await Promise.race([answering(url), failed])
  return {
    url,
    async close() {
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answering(url: string): Promise<void> {
  const deadline = Date.now() + 20_000
  while ((await fetch(url).catch(() => undefined)) === undefined) {
    if (Date.now() > deadline) throw new Error(`nothing answers at ${url}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      )
    })
  })
}
