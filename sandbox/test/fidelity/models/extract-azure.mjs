#!/usr/bin/env node
// Makes azure.json.gz: of the models in Azure's own SDK packages (operations, and the mappers of what they answer), those
// that the sandbox may be asked for. npm packages of the generation that still carries mappers, and PyPI's for Redis,
// where npm's is too old; see README.md.
//   npm install --ignore-scripts PACKAGES, in an empty folder
//   pip download --no-deps azure-mgmt-redisenterprise==VERSION && unzip *.whl, in the same folder
//   node extract-azure.mjs THAT_FOLDER
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'

const folder = resolve(process.argv[2] ?? '.')
const require = createRequire(join(folder, 'package.json'))

/** Paths (in lower case) that are kept of each package. */
const wanted = {
  'arm-authorization': /\/roleassignments|\/roledefinitions/,
  'arm-compute': /\/locations\/\{location\}\/usages$|\/skus$/,
  'arm-containerregistry': /\/registries(\/\{registryname\})?$/,
  'arm-containerservice':
    /\/managedclusters(\/\{resourcename\}(\/agentpools(\/\{agentpoolname\})?|\/[a-z]+credential)?)?$/,
  'arm-features': /\/providers$|\/features/,
  'arm-keyvault': /\/(deleted)?vaults(\/\{vaultname\}(\/keys.*)?)?$/,
  'arm-locks': /\/locks/,
  'arm-monitor': /\/diagnosticsettings(\/\{name\})?$/,
  'arm-msi': /\/userassignedidentities/,
  'arm-network':
    /\/(virtualnetworks|networksecuritygroups|natgateways|publicipaddresses|privateendpoints|networkinterfaces|loadbalancers|routetables)(\/\{\w+\}(\/(subnets|securityrules|privatednszonegroups)(\/\{\w+\})?)?)?$|\/locations\/\{location\}\/usages$/,
  'arm-operationalinsights': /\/workspaces(\/\{workspacename\})?$/,
  'arm-postgresql-flexible':
    /\/flexibleservers(\/\{servername\}(\/(databases|configurations|administrators|backups|firewallrules)(\/\{\w+\})?)?)?$/,
  'arm-privatedns': /\/privatednszones(\/\{privatezonename\}(\/virtualnetworklinks(\/\{\w+\})?)?)?$/,
  'arm-resources':
    /\/providers(\/\{resourceprovidernamespace\}(\/register)?)?$|\/resourcegroups(\/\{resourcegroupname\})?$|\/resources$/,
  'arm-resources-subscriptions': /^\/subscriptions|^\/tenants/,
  'arm-sql':
    /\/servers(\/\{servername\}(\/(databases|administrators|firewallrules|azureadonlyauthentications)(\/\{\w+\})?)?)?$/,
  'arm-storage':
    /\/storageaccounts(\/\{accountname\}(\/blobservices.*|\/managementpolicies.*|\/listkeys)?)?$/,
}

const packages = readdirSync(join(folder, 'node_modules/@azure')).filter(name => wanted[name] !== undefined)
const models = []
for (const name of packages.sort()) models.push(await extract(name))
models.push(redisEnterprise())
writeFileSync(new URL('azure.json.gz', import.meta.url), gzipSync(JSON.stringify({ models }), { level: 9 }))

async function extract(name) {
  const { version } = JSON.parse(
    readFileSync(join(folder, 'node_modules/@azure', name, 'package.json'), 'utf8'),
  )
  const sdk = await import(pathToFileURL(require.resolve(`@azure/${name}`)).href)
  const specs = await specifications(sdk)
  const apiVersion = [...new Set(specs.map(one => one.apiVersion).filter(Boolean))].join(', ')
  const kept = specs.filter(({ spec }) => wanted[name].test(spec.path.toLowerCase()))
  const mappers = kept[0]?.spec.serializer?.modelMappers ?? {}
  const types = {}
  const operations = kept.map(({ spec }) => ({
    method: spec.httpMethod,
    path: spec.path,
    query: (spec.queryParameters ?? []).map(({ mapper }) => mapper.serializedName),
    request: spec.requestBody === undefined ? undefined : typeOf(spec.requestBody.mapper, mappers, types),
    responses: Object.fromEntries(
      Object.entries(spec.responses).map(([status, { bodyMapper }]) => [
        status,
        bodyMapper === undefined ? null : typeOf(bodyMapper, mappers, types),
      ]),
    ),
  }))
  process.stdout.write(`${name} ${version} (${apiVersion}): ${operations.length} operations\n`)
  return { package: `@azure/${name}`, version, apiVersion, operations, types }
}

/** Every operation's specification, caught where the client would send it. */
async function specifications(sdk) {
  const Client = Object.values(sdk).find(value => typeof value === 'function' && /Client$/.test(value.name))
  const credential = { getToken: async () => ({ token: 'none', expiresOnTimestamp: Date.now() + 3_600_000 }) }
  const client = new Client(credential, '00000000-0000-0000-0000-000000000000')
  const found = new Map()
  const caught = (_args, spec) => {
    if (spec?.path !== undefined)
      found.set(`${spec.httpMethod} ${spec.path}`, { spec, apiVersion: client.apiVersion })
    return new Promise(() => undefined)
  }
  client.sendOperationRequest = caught
  const groups = Object.values(client).filter(value => typeof value === 'object' && value !== null)
  for (const group of groups) {
    if ('client' in group && group.client !== client) continue
    for (const method of Object.getOwnPropertyNames(Object.getPrototypeOf(group))) {
      if (method === 'constructor' || typeof group[method] !== 'function') continue
      try {
        Promise.resolve(group[method](...Array.from({ length: 8 }, () => 'x'))).catch(() => undefined)
      } catch {
        // Paging helpers want more than names; the plain operation beneath them is called on its own.
      }
    }
  }
  await new Promise(resolve => setTimeout(resolve, 200))
  return [...found.values()]
}

/** A mapper in as few words as possible; composites by name, kept once in `types`. */
function typeOf(mapper, mappers, types) {
  const { type } = mapper
  switch (type.name) {
    case 'Composite': {
      const name = type.className
      if (types[name] === undefined) {
        types[name] = {}
        Object.assign(types[name], composite(mappers[name] ?? mapper, mappers, types))
      }
      return { ref: name }
    }
    case 'Sequence':
      return { list: typeOf(type.element, mappers, types) }
    case 'Dictionary':
      return { map: typeOf(type.value, mappers, types) }
    case 'Enum':
      return type.allowedValues.every(value => typeof value === 'string')
        ? { values: type.allowedValues }
        : 'Number'
    default:
      return type.name
  }
}

/** `properties.provisioningState` in the mapper is a member of a member on the wire. */
function composite(mapper, mappers, types) {
  const base = mapper.type.uberParent !== undefined ? mappers[mapper.type.uberParent] : undefined
  const properties = { ...base?.type.modelProperties, ...mapper.type.modelProperties }
  const members = {}
  for (const property of Object.values(properties)) {
    const path = (property.serializedName ?? '').split(/(?<!\\)\./).map(part => part.replaceAll('\\.', '.'))
    if (path.join('') === '') continue
    place(members, path, {
      type: typeOf(property, mappers, types),
      ...(property.required ? { required: true } : {}),
    })
  }
  return {
    members,
    ...(mapper.type.additionalProperties === undefined ? {} : { open: true }),
    ...(mapper.type.polymorphicDiscriminator === undefined ? {} : { open: true }),
  }
}

/** Python's models hold the same as mappers, as literals: `_attribute_map` and `_validation` of every class. */
function redisEnterprise() {
  const source = join(folder, 'azure/mgmt/redisenterprise')
  const version = /VERSION = "(.*)"/.exec(readFileSync(join(source, '_version.py'), 'utf8'))[1]
  const apiVersion =
    /Default value is "([\d-]+)"/.exec(readFileSync(join(source, '_configuration.py'), 'utf8'))?.[1] ?? ''
  const types = {}
  for (const [, name, body] of readFileSync(join(source, 'models/_models_py3.py'), 'utf8').matchAll(
    /^class (\w+)\(.*\n([\s\S]*?)(?=^class |(?![\s\S]))/gm,
  )) {
    const map = /_attribute_map = \{([\s\S]*?)\n {4}\}/.exec(body)?.[1] ?? ''
    const rules = /_validation = \{([\s\S]*?)\n {4}\}/.exec(body)?.[1] ?? ''
    const required = new Set(
      [...rules.matchAll(/"(\w+)": \{"required": True/g)].map(([, attribute]) => attribute),
    )
    const members = {}
    for (const [, attribute, key, type] of map.matchAll(
      /"(\w+)": \{\s*"key": "([^"]+)",\s*"type": "([^"]+)"/g,
    ))
      place(members, key.split('.'), {
        type: pythonType(type),
        ...(required.has(attribute) ? { required: true } : {}),
      })
    types[name] = { members }
  }
  const cluster =
    '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Cache/redisEnterprise/{clusterName}'
  const policies = `${cluster}/databases/{databaseName}/accessPolicyAssignments`
  const answers = {
    [cluster]: 'Cluster',
    [cluster.replace('/{clusterName}', '')]: 'ClusterList',
    [`${cluster}/databases/{databaseName}`]: 'Database',
    [`${cluster}/databases`]: 'DatabaseList',
    [`${policies}/{accessPolicyAssignmentName}`]: 'AccessPolicyAssignment',
    [policies]: 'AccessPolicyAssignmentList',
  }
  const operations = Object.entries(answers).map(([path, name]) => ({
    method: 'GET',
    path,
    query: ['api-version'],
    responses: { 200: { ref: name } },
  }))
  process.stdout.write(
    `azure-mgmt-redisenterprise ${version} (${apiVersion}): ${operations.length} operations\n`,
  )
  return { package: 'azure-mgmt-redisenterprise', version, apiVersion, operations, types }
}

function pythonType(type) {
  const simple = {
    str: 'String',
    int: 'Number',
    float: 'Number',
    bool: 'Boolean',
    'iso-8601': 'DateTime',
    object: 'any',
  }
  if (type.startsWith('[')) return { list: pythonType(type.slice(1, -1)) }
  if (type.startsWith('{')) return { map: pythonType(type.slice(1, -1)) }
  return simple[type] ?? { ref: type }
}

function place(members, path, property) {
  let at = members
  for (const part of path.slice(0, -1)) {
    at[part] ??= { members: {} }
    at = at[part].members
  }
  at[path.at(-1)] = property
}
