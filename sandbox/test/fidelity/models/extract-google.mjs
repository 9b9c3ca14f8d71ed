#!/usr/bin/env node
// Makes google.json.gz: of Google's discovery documents, as PyPI's google-api-python-client ships them, the methods and
// schemas that the sandbox may be asked for, without descriptions.
//   pip download --no-deps google-api-python-client==VERSION && unzip *.whl
//   node extract-google.mjs VERSION googleapiclient/discovery_cache/documents
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const documents = {
  artifactregistry: ['v1'],
  billingbudgets: ['v1'],
  cloudbilling: ['v1'],
  cloudkms: ['v1'],
  cloudresourcemanager: ['v1'],
  compute: ['v1'],
  container: ['v1'],
  iam: ['v1'],
  networkconnectivity: ['v1'],
  redis: ['v1'],
  servicenetworking: ['v1'],
  serviceusage: ['v1', 'v1beta1'],
  sqladmin: ['v1'],
  storage: ['v1'],
}
// Compute alone is as large as all the others.
const computeResources = [
  'acceleratorTypes',
  'addresses',
  'disks',
  'firewalls',
  'forwardingRules',
  'globalAddresses',
  'globalForwardingRules',
  'globalOperations',
  'healthChecks',
  'instances',
  'machineTypes',
  'networks',
  'projects',
  'regions',
  'routers',
  'snapshots',
  'subnetworks',
  'zones',
]

const [version, folder] = process.argv.slice(2)
const models = []
for (const [service, versions] of Object.entries(documents))
  for (const name of versions)
    models.push(prune(service, JSON.parse(readFileSync(join(folder, `${service}.${name}.json`), 'utf8'))))
const source = `google-api-python-client ${version}`
writeFileSync(
  new URL('google.json.gz', import.meta.url),
  gzipSync(JSON.stringify({ source, models }), { level: 9 }),
)

function prune(service, document) {
  const methods = methodsOf(document).filter(
    ({ id }) => service !== 'compute' || computeResources.includes(id.split('.')[1]),
  )
  const schemas = {}
  const wanted = methods.flatMap(({ request, response }) => [request, response]).filter(Boolean)
  while (wanted.length > 0) {
    const name = wanted.pop()
    if (schemas[name] !== undefined) continue
    schemas[name] = withoutText(document.schemas[name])
    wanted.push(...references(schemas[name]))
  }
  return {
    service,
    version: document.version,
    revision: document.revision,
    basePath: `/${document.servicePath}`,
    parameters: Object.keys(document.parameters ?? {}),
    methods,
    schemas,
  }
}

function methodsOf(node) {
  const own = Object.values(node.methods ?? {}).map(method => ({
    id: method.id,
    httpMethod: method.httpMethod,
    path: method.flatPath ?? method.path,
    query: Object.entries(method.parameters ?? {})
      .filter(([, { location }]) => location === 'query')
      .map(([name]) => name),
    request: method.request?.$ref,
    response: method.response?.$ref,
  }))
  return [...own, ...Object.values(node.resources ?? {}).flatMap(methodsOf)]
}

function withoutText(schema) {
  if (Array.isArray(schema)) return schema.map(withoutText)
  if (typeof schema !== 'object' || schema === null) return schema
  const kept = ['$ref', 'type', 'format', 'items', 'additionalProperties', 'enum', 'properties']
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => kept.includes(key))
      .map(([key, value]) => [
        key,
        key === 'properties'
          ? Object.fromEntries(Object.entries(value).map(([name, property]) => [name, withoutText(property)]))
          : withoutText(value),
      ]),
  )
}

function references(schema) {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]) =>
    key === '$ref' && typeof value === 'string' ? [value] : references(value),
  )
}
