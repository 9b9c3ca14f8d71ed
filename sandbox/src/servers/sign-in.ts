import { authorise } from '../clouds/aws/authorise.ts'
import { roleMay } from '../clouds/aws/permissions.ts'
import { sha256 } from '../clouds/aws/sigv4.ts'
import { requiredText, text } from '../clouds/azure/attributes.ts'
import { checkToken, databaseAudience, redisAudience } from '../clouds/azure/tokens.ts'
import { hasProjectRole } from '../clouds/gcp/rights.ts'
import { operatorEmail, readToken } from '../clouds/gcp/tokens.ts'
import type { World } from '../world.ts'
import type { DataServer } from './wanted.ts'

/** Whether a token of the cloud's identity signs this user in, as the cloud's own servers decide it. */
export function mayEnter(world: World, server: DataServer, user: string, token: string): boolean {
  switch (server.cloud) {
    case 'aws':
      return server.kind === 'postgres'
        ? entersRds(world, server, user, token)
        : entersElastiCache(world, server, user, token)
    case 'gcp':
      return entersGoogle(world, server, user, token)
    case 'azure':
      return entersAzure(world, server, user, token)
  }
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html */
function entersRds(world: World, server: DataServer, user: string, token: string): boolean {
  const signed = readPresigned(world, token, 'rds-db', 'DBUser', user)
  const host = signed?.host.split(':')[0] ?? ''
  if (signed === undefined || !server.hosts.includes(host)) return false
  const { awsAccountId } = world.secrets
  const resource = `arn:aws:rds-db:${signed.region}:${awsAccountId}:dbuser:${requiredText(server.attributes, 'resource_id')}/${user}`
  return signed.role === undefined || roleMay(world, signed.role, 'rds-db:connect', resource)
}

/** https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html */
function entersElastiCache(world: World, server: DataServer, user: string, token: string): boolean {
  const signed = readPresigned(world, token, 'elasticache', 'User', user)
  const name = server.id.slice('aws/'.length)
  if (signed === undefined || signed.host !== name) return false
  const arn = (kind: string, id: string) =>
    `arn:aws:elasticache:${signed.region}:${world.secrets.awsAccountId}:${kind}:${id}`
  const { role } = signed
  return (
    role === undefined ||
    [arn('replicationgroup', name), arn('user', user)].every(resource =>
      roleMay(world, role, 'elasticache:Connect', resource),
    )
  )
}

/** A presigned `connect` request without its scheme: `<host>/?Action=connect&…`. */
function readPresigned(
  world: World,
  token: string,
  service: string,
  parameter: string,
  user: string,
): { readonly host: string; readonly region: string; readonly role: string | undefined } | undefined {
  const [, host, query] = /^([^/?]+)\/\?(.+)$/s.exec(token) ?? []
  if (host === undefined || query === undefined) return undefined
  const parameters = new URLSearchParams(query)
  if (parameters.get('Action') !== 'connect' || parameters.get(parameter) !== user) return undefined
  const verdict = authorise(
    { method: 'GET', target: `/?${query}`, headers: { host } },
    sha256(''),
    world,
    new Date(),
  )
  if (!verdict.allowed || verdict.claim.scope.service !== service) return undefined
  return { host, region: verdict.claim.scope.region, role: verdict.session?.role }
}

/** Users of PostgreSQL leave out `.gserviceaccount.com`; Memorystore has one user for all. */
function entersGoogle(world: World, server: DataServer, user: string, token: string): boolean {
  const email = readToken(world, token)?.email
  if (email === undefined) return false
  if (server.kind === 'redis')
    return email === operatorEmail || hasProjectRole(world, email, 'roles/redis.dbConnectionUser')
  return (
    email === `${user}.gserviceaccount.com` && hasProjectRole(world, email, 'roles/cloudsql.instanceUser')
  )
}

/** Redis' users are object ids; PostgreSQL's have the name of their identity. */
function entersAzure(world: World, server: DataServer, user: string, token: string): boolean {
  const audience = server.kind === 'redis' ? redisAudience : databaseAudience
  const verdict = checkToken(world, token, [audience])
  if (!verdict.valid) return false
  const { oid } = verdict.claims
  if (server.kind === 'redis') return oid === user
  const identity = world.store
    .list('azurerm_user_assigned_identity')
    .find(({ attributes }) => text(attributes, 'principal_id') === oid)
  return text(identity?.attributes ?? {}, 'name') === user
}
