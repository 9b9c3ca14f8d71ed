import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { aws } from '../src/clouds/aws/index.ts'
import { createCertificateAuthority, issueCertificate } from '../src/kubernetes/pki.ts'
import { startEmulator } from './emulator.ts'
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
  const storage = await startEmulator({
    tool: 'versitygw',
    args: (port, folder) => ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', folder],
    env: {
      ROOT_ACCESS_KEY: testSecrets.awsAccessKeyId,
      ROOT_SECRET_KEY: testSecrets.awsSecretAccessKey,
    },
  })
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
