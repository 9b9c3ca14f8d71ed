import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSettings } from '@mlp/service-kit/settings'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { openDatabase } from '../src/database/open-database.ts'
import { passwordProviders } from '../src/database/passwords.ts'
import { settingsSchema } from '../src/settings.ts'
import { type Postgres, postgresPrograms, startPostgres } from './support/postgres.ts'

const programs = await postgresPrograms()
const password = 'first-password'
const token = 'a-token-of-the-cloud'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'database-login-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

/** Opens it as the service does, and asks one question on each of so many connections. */
async function ask(environment: Record<string, string>, connections = 1): Promise<void> {
  const { database } = await openDatabase(readSettings(settingsSchema, environment), () => {})
  try {
    await Promise.all(Array.from({ length: connections }, () => sql`select pg_sleep(0.1)`.execute(database)))
  } finally {
    await database.destroy()
  }
}

const where = programs === undefined ? ' (PostgreSQL is not installed here)' : ''
describe.skipIf(programs === undefined)(`a PostgreSQL with TLS and passwords${where}`, () => {
  let server: Postgres
  let passwordFile: string
  beforeAll(async () => {
    server = await startPostgres(programs ?? '', { password, certificateFor: 'DNS:database.internal' })
    passwordFile = join(folder, 'password')
    await writeFile(passwordFile, `${password}\n`)
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  const settings = (more: Record<string, string> = {}) => ({
    DATABASE_URL: server.url,
    DATABASE_CA_FILE: server.caFile,
    DATABASE_TLS_NAME: 'database.internal',
    DATABASE_PASSWORD_FILE: passwordFile,
    ...more,
  })

  test('with the password in a file and the authority in another', async () => {
    await ask(settings(), 3)
  })

  test('a server that the authority did not sign, or with another name, gets no password', async () => {
    await expect(ask(settings({ DATABASE_CA_FILE: '' }))).rejects.toThrow(/self-signed certificate/)
    await expect(ask(settings({ DATABASE_TLS_NAME: 'other.internal' }))).rejects.toThrow(/altnames/)
    // The address is not in the certificate, and Node's own choice for one would be `localhost`.
    await expect(ask(settings({ DATABASE_TLS_NAME: '' }))).rejects.toThrow(/127\.0\.0\.1/)
  })

  test('without TLS it is refused', async () => {
    await expect(ask(settings({ DATABASE_TLS: 'off', DATABASE_CA_FILE: '' }))).rejects.toThrow(
      /no encryption/,
    )
  })

  test('a password that is replaced is taken for the next connection, without a restart', async () => {
    const { database } = await openDatabase(readSettings(settingsSchema, settings()), () => {})
    try {
      await sql`alter role mlp password 'second-password'`.execute(database)
      await writeFile(passwordFile, 'second-password')
      await Promise.all(Array.from({ length: 4 }, () => sql`select pg_sleep(0.1)`.execute(database)))
    } finally {
      await sql`alter role mlp password ${sql.lit(password)}`.execute(database)
      await writeFile(passwordFile, password)
      await database.destroy()
    }
  })

  // The clouds' tokens are passwords to the wire: here the role's password is the token, and the cloud that issues it
  // is played by a server of this test.
  test.each([
    {
      from: 'google-iam',
      variables: (url: string) => ({
        GCE_METADATA_HOST: new URL(url).host,
        METADATA_SERVER_DETECTION: 'assume-present',
      }),
      asked: /^\/computeMetadata\/v1\/instance\/service-accounts\/default\/token/,
    },
    {
      from: 'entra',
      variables: (url: string) => ({ IDENTITY_ENDPOINT: `${url}/msi/token`, IDENTITY_HEADER: 'header' }),
      asked: /^\/msi\/token\?.*ossrdbms-aad\.database\.windows\.net/,
    },
  ])(
    '$from: the token is the password, and a later one for later connections',
    async ({ from, variables, asked }) => {
      await using issuer = await startIssuer()
      for (const [name, value] of Object.entries(variables(issuer.url))) vi.stubEnv(name, value)
      await setPassword(server, token)
      try {
        await ask({ ...settings({ DATABASE_PASSWORD_FILE: '' }), DATABASE_AUTHENTICATION: from })
      } finally {
        await setPassword(server, password, token)
      }
      expect(
        issuer.paths.some(path => asked.test(path)),
        issuer.paths.join(),
      ).toBe(true)
    },
  )

  async function setPassword(to: Postgres, next: string, now = password): Promise<void> {
    const login = { DATABASE_PASSWORD_FILE: '', DATABASE_PASSWORD: now, DATABASE_CA_FILE: to.caFile }
    const { database } = await openDatabase(readSettings(settingsSchema, settings(login)), () => {})
    await sql`alter role mlp password ${sql.lit(next)}`.execute(database)
    await database.destroy()
  }
})

test('aws-iam: a presigned connect request of the user, for 15 minutes', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-key')
  vi.stubEnv('AWS_REGION', 'eu-west-1')
  const provide = await passwordProviders['aws-iam']({
    ...{ host: 'mlp.abc.eu-west-1.rds.amazonaws.com', port: 5432, user: 'data-sync' },
  })
  const url = new URL(`https://${await provide()}`)
  expect(url.host).toBe('mlp.abc.eu-west-1.rds.amazonaws.com:5432')
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    ...{ Action: 'connect', DBUser: 'data-sync', 'X-Amz-Expires': '900', 'X-Amz-SignedHeaders': 'host' },
    'X-Amz-Credential': expect.stringMatching(/^AKIDEXAMPLE\/\d{8}\/eu-west-1\/rds-db\/aws4_request$/),
    'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
  })
})

test.each([
  [{ DATABASE_PASSWORD: 'p', DATABASE_PASSWORD_FILE: '/p' }, 'only one of it and DATABASE_PASSWORD'],
  [{ DATABASE_PASSWORD: 'p', DATABASE_AUTHENTICATION: 'aws-iam' }, 'expected no password beside it'],
  [{ DATABASE_CA_FILE: 'relative.pem' }, 'expected an absolute path'],
])('settings that contradict each other are refused: %o', (settings, message) => {
  const all = { DATABASE_URL: 'postgres://mlp@database.internal/mlp', ...settings }
  expect(() => readSettings(settingsSchema, all)).toThrow(message)
})

/** Gives every one who asks the same token, in the form of Google's metadata server and of Azure's identity endpoint. */
async function startIssuer() {
  const paths: string[] = []
  const server = createServer((request: IncomingMessage, response) => {
    paths.push(request.url ?? '')
    const expires_on = String(Math.floor(Date.now() / 1_000) + 3_600)
    response.writeHead(200, { 'content-type': 'application/json', 'metadata-flavor': 'Google' }).end(
      JSON.stringify({
        access_token: token,
        token_type: 'Bearer',
        expires_in: 3_600,
        expires_on,
        resource: '',
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.object({ port: z.int() }).parse(server.address())
  return {
    paths,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
