/**
 * AWS's service models, as the SDK's own packages carry them (`DescribeCluster$` and its kind). They know members,
 * types, wire names, required members and errors; they do not know the values of enumerations.
 */
import * as logs from '@aws-sdk/client-cloudwatch-logs'
import * as ec2 from '@aws-sdk/client-ec2'
import * as ecr from '@aws-sdk/client-ecr'
import * as eks from '@aws-sdk/client-eks'
import * as elasticache from '@aws-sdk/client-elasticache'
import * as iam from '@aws-sdk/client-iam'
import * as kms from '@aws-sdk/client-kms'
import * as rds from '@aws-sdk/client-rds'
import * as tagging from '@aws-sdk/client-resource-groups-tagging-api'
import * as s3 from '@aws-sdk/client-s3'
import * as serviceQuotas from '@aws-sdk/client-service-quotas'
import * as sts from '@aws-sdk/client-sts'
import { NormalizedSchema } from '@smithy/core/schema'
import { parseXml, type XmlElement } from '../../../src/http/xml.ts'
import type { Exchange, Verdict } from './exchange.ts'
import { findMistakes, isRecord, type Member, type Shape } from './shape.ts'

type Protocol = 'ec2' | 'query' | 'json' | 'rest-json' | 'rest-xml'
interface Service {
  readonly protocol: Protocol
  readonly operations: ReadonlyMap<string, Operation>
  /** The HTTP status by the code on the wire. */
  readonly errors: ReadonlyMap<string, number | undefined>
}
interface Operation {
  readonly name: string
  readonly output: NormalizedSchema
  /** Method and path with its query, where the protocol has them. */
  readonly http: readonly [string, string] | undefined
}

/** By the service's name in a signature's credential scope. */
const services: Readonly<Record<string, Service>> = {
  ec2: serviceOf('ec2', ec2),
  ecr: serviceOf('json', ecr),
  eks: serviceOf('rest-json', eks),
  elasticache: serviceOf('query', elasticache),
  iam: serviceOf('query', iam),
  kms: serviceOf('json', kms),
  logs: serviceOf('json', logs),
  rds: serviceOf('query', rds),
  s3: serviceOf('rest-xml', s3),
  servicequotas: serviceOf('json', serviceQuotas),
  sts: serviceOf('query', sts),
  tagging: serviceOf('json', tagging),
}

/** Errors that any service may answer; the models do not list them. https://docs.aws.amazon.com/IAM/latest/UserGuide/CommonErrors.html */
const commonErrors = new Set([
  'AccessDenied',
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'Throttling',
  'ThrottlingException',
  'UnrecognizedClientException',
])

/** Undefined where AWS publishes no model for what was asked. */
export function checkAws(exchange: Exchange): Verdict {
  const name = serviceName(exchange)
  const service = services[name]
  if (service === undefined) return { subject: `aws ${name || 'unsigned request'}`, mistakes: undefined }
  const operation = operationOf(service, exchange)
  const subject = `aws ${name} ${operation?.name ?? exchange.url}`
  if (operation === undefined) return { subject, mistakes: ['the model has no such operation'] }
  const mistakes =
    exchange.status >= 300 ? errorMistakes(service, exchange) : answerMistakes(service, operation, exchange)
  return { subject, mistakes }
}

/** Whether one of AWS's models has an operation, so that the page of the API reference named after it is real. */
export function awsOperationExists(operation: string): boolean {
  return Object.values(services).some(service => service.operations.has(operation))
}

function serviceOf(protocol: Protocol, module: Readonly<Record<string, unknown>>): Service {
  const operations = new Map<string, Operation>()
  const errors = new Map<string, number | undefined>()
  for (const value of Object.values(module)) {
    if (!Array.isArray(value)) continue
    const [kind, , name, traits, , output]: readonly unknown[] = value
    if (kind === 9 && typeof name === 'string') {
      const http = isRecord(traits) ? traits['http'] : undefined
      operations.set(name, {
        name,
        output: NormalizedSchema.of(schemaRef(output)),
        http: Array.isArray(http) ? [String(http[0]), String(http[1])] : undefined,
      })
    } else if (kind === -3 && typeof name === 'string' && isRecord(traits)) {
      const query: unknown = traits['awsQueryError']
      const [code, status] =
        Array.isArray(query) && protocol === 'query' ? query : [name, traits['httpError']]
      // JSON 1.1 answers 400 to everything that is the client's fault, whatever the model's status.
      errors.set(String(code), protocol === 'json' || status === undefined ? undefined : Number(status))
    }
  }
  return { protocol, operations, errors }
}

type SchemaRef = Parameters<typeof NormalizedSchema.of>[0]
function schemaRef(value: unknown): SchemaRef {
  if (isSchemaRef(value)) return value
  throw new Error('the SDK holds an operation without a schema')
}
function isSchemaRef(value: unknown): value is SchemaRef {
  return typeof value === 'function' || Array.isArray(value) || typeof value === 'string'
}

function serviceName({ headers, url }: Exchange): string {
  const scope = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\/aws4_request/.exec(headers['authorization'] ?? '')
  const presigned = new URLSearchParams(url.split('?')[1]).get('X-Amz-Credential')?.split('/')[3]
  return scope?.[1] ?? presigned ?? ''
}

function operationOf({ protocol, operations }: Service, exchange: Exchange): Operation | undefined {
  const [path = '/', query = ''] = exchange.url.split('?')
  switch (protocol) {
    case 'json':
      return operations.get((exchange.headers['x-amz-target'] ?? '').split('.').at(-1) ?? '')
    case 'ec2':
    case 'query':
      return operations.get(new URLSearchParams(exchange.requestBody || query).get('Action') ?? '')
    case 'rest-json':
      return [...operations.values()].find(
        ({ http }) => http?.[0] === exchange.method && pathPattern(http[1]).test(path),
      )
    case 'rest-xml':
      return bucketOperation([...operations.values()], exchange.method, path, new URLSearchParams(query))
  }
}

function pathPattern(template: string): RegExp {
  return new RegExp(`^${(template.split('?')[0] ?? '').replace(/\{\w+\}/g, '[^/]+')}/?$`)
}

/** S3's paths hold the bucket first here; in the model it stands in the host's name. */
function bucketOperation(
  operations: readonly Operation[],
  method: string,
  path: string,
  query: URLSearchParams,
): Operation | undefined {
  const [bucket = '', ...key] = path.slice(1).split('/')
  if (bucket === '') return operations.find(({ name }) => name === 'ListBuckets')
  const wanted = query.get('x-id')
  const level = key.join('/') === '' ? '/' : '/{Key+}'
  const candidates = operations
    .map(operation => {
      const [ownPath = '', ownQuery = ''] = (operation.http?.[1] ?? '').split('?')
      return { operation, ownPath, own: new URLSearchParams(ownQuery) }
    })
    .filter(
      ({ operation, ownPath, own }) =>
        operation.name !== 'ListBuckets' &&
        operation.http?.[0] === method &&
        ownPath === level &&
        [...own].every(([name, value]) => name === 'x-id' || (query.has(name) && query.get(name) === value)),
    )
  const named = candidates.find(({ own }) => wanted !== null && own.get('x-id') === wanted)
  const closest = candidates.sort((a, b) => weight(b.own) - weight(a.own))[0]
  return (named ?? closest)?.operation
}

function weight(query: URLSearchParams): number {
  return [...query.keys()].filter(name => name !== 'x-id').length
}

function answerMistakes(service: Service, operation: Operation, exchange: Exchange): readonly string[] {
  const { output, name } = operation
  const body = bodyMembers(output)
  switch (service.protocol) {
    case 'json':
    case 'rest-json': {
      const text = exchange.responseBody
      return findMistakes(
        { kind: 'object', members: jsonMembers(body, output) },
        text === '' ? {} : JSON.parse(text),
      )
    }
    case 'ec2': {
      const root = parseXml(exchange.responseBody)
      const rest = { ...root, children: root.children.filter(child => child.name !== 'requestId') }
      return [
        ...(root.name === `${name}Response` ? [] : [`the answer is <${root.name}>`]),
        ...(rest.children.length === root.children.length ? ['requestId is missing'] : []),
        ...structMistakes(body, rest, ''),
      ]
    }
    case 'query': {
      const root = parseXml(exchange.responseBody)
      const result = child(root, `${name}Result`)
      const metadata = child(root, 'ResponseMetadata')
      return [
        ...(root.name === `${name}Response` ? [] : [`the answer is <${root.name}>`]),
        ...(metadata !== undefined && child(metadata, 'RequestId')
          ? []
          : ['ResponseMetadata.RequestId is missing']),
        ...(result === undefined && body.length > 0 ? [`${name}Result is missing`] : []),
        ...(result === undefined ? [] : structMistakes(body, result, '')),
      ]
    }
    case 'rest-xml':
      return restXmlMistakes(output, body, exchange.responseBody)
  }
}

function restXmlMistakes(
  output: NormalizedSchema,
  body: readonly NamedSchema[],
  text: string,
): readonly string[] {
  const payload = membersOf(output).find(([, member]) => Boolean(member.getMergedTraits().httpPayload))
  if (payload !== undefined && !payload[1].isStructSchema()) return []
  const [name, members] =
    payload === undefined
      ? [output.getMergedTraits().xmlName, body]
      : [payload[1].getMergedTraits().xmlName ?? payload[1].getName(), membersOf(payload[1])]
  if (members.length === 0) return text === '' ? [] : ['the model has no body']
  if (text === '')
    return members.some(([, member]) => isRequired(output, member)) ? ['the body is empty'] : []
  const root = parseXml(text)
  return [
    ...(name === undefined || root.name === name
      ? []
      : [`the answer is <${root.name}>, the model says <${name}>`]),
    ...structMistakes(members, root, ''),
  ]
}

function errorMistakes({ protocol, errors }: Service, exchange: Exchange): readonly string[] {
  // HEAD has no body, and S3 says nothing on 304 and its kind.
  if (exchange.method === 'HEAD' || (exchange.responseBody === '' && exchange.status < 400)) return []
  const { code, message } = readError(protocol, exchange)
  if (code === undefined) return ['the error has no code where this protocol puts it']
  const status = errors.get(code)
  // EC2 and S3 publish error codes in their documentation only.
  const listed = errors.has(code) || commonErrors.has(code) || ['ec2', 'rest-xml'].includes(protocol)
  return [
    ...(message === undefined ? ['the error has no message'] : []),
    ...(listed ? [] : [`the model has no error ${code}`]),
    ...(status === undefined || status === exchange.status
      ? []
      : [`${code} comes with status ${exchange.status}, the model says ${status}`]),
  ]
}

function readError(protocol: Protocol, exchange: Exchange) {
  if (protocol === 'json' || protocol === 'rest-json') {
    const body: unknown = JSON.parse(exchange.responseBody)
    const fields = isRecord(body) ? body : {}
    const code = exchange.responseHeaders['x-amzn-errortype'] ?? fields['__type']
    return {
      code: code === undefined ? undefined : String(code).split('#').at(-1)?.split(':')[0],
      message: fields['message'] ?? fields['Message'],
    }
  }
  const root = parseXml(exchange.responseBody)
  const path = { ec2: ['Errors', 'Error'], query: ['Error'], 'rest-xml': [] }[protocol]
  const expected = { ec2: 'Response', query: 'ErrorResponse', 'rest-xml': 'Error' }[protocol]
  const error = path.reduce<XmlElement | undefined>(
    (at, name) => (at === undefined ? undefined : child(at, name)),
    root.name === expected ? root : undefined,
  )
  return {
    code: error === undefined ? undefined : child(error, 'Code')?.text,
    message: error === undefined ? undefined : child(error, 'Message')?.text,
  }
}

type NamedSchema = readonly [string, NormalizedSchema]

function membersOf(schema: NormalizedSchema): readonly NamedSchema[] {
  return schema.isStructSchema() ? [...schema.structIterator()] : []
}

/** What travels in the body, not in headers or the status. */
function bodyMembers(schema: NormalizedSchema): readonly NamedSchema[] {
  return membersOf(schema).filter(([, member]) => {
    const traits = member.getMergedTraits()
    return !traits.httpHeader && !traits.httpPrefixHeaders && !traits.httpResponseCode
  })
}

/** A structure's required members come first, and it says how many they are. */
function isRequired(schema: NormalizedSchema, member: NormalizedSchema): boolean {
  const struct: unknown = schema.getSchema()
  if (!Array.isArray(struct) || typeof struct[6] !== 'number') return false
  return struct[4].indexOf(member.getMemberName()) < struct[6]
}

function jsonMembers(members: readonly NamedSchema[], of?: NormalizedSchema): ReadonlyMap<string, Member> {
  return new Map(
    members.map(([name, member]) => [
      String(member.getMergedTraits().jsonName ?? name),
      { shape: () => jsonShape(member), required: of !== undefined && isRequired(of, member) },
    ]),
  )
}

function jsonShape(schema: NormalizedSchema): Shape {
  if (schema.isListSchema()) return { kind: 'list', of: () => jsonShape(schema.getValueSchema()) }
  if (schema.isMapSchema()) return { kind: 'map', of: () => jsonShape(schema.getValueSchema()) }
  if (schema.isStructSchema()) return { kind: 'object', members: jsonMembers(membersOf(schema), schema) }
  if (schema.isBooleanSchema()) return { kind: 'boolean' }
  // Seconds since 1970, with a fraction, unless the member says otherwise.
  if (schema.isTimestampSchema() || schema.isNumericSchema()) return { kind: 'number', integer: false }
  if (schema.isBlobSchema()) return { kind: 'string', format: 'byte' }
  return schema.isDocumentSchema() ? { kind: 'any' } : { kind: 'string' }
}

function structMistakes(
  members: readonly NamedSchema[],
  element: XmlElement,
  path: string,
): readonly string[] {
  const known = new Map(
    members.map(([name, member]) => [String(member.getMergedTraits().xmlName ?? name), member]),
  )
  const unknown = element.children
    .filter(({ name }) => !known.has(name))
    .map(({ name }) => `${path}${name} is not in the model`)
  const inside = [...known].flatMap(([name, member]) => {
    const found = element.children.filter(one => one.name === name)
    if (member.getMergedTraits().xmlFlattened && member.isListSchema())
      return found.flatMap(one => elementMistakes(member.getValueSchema(), one, `${path}${name}`))
    return [
      ...(found.length > 1 ? [`${path}${name} stands there ${found.length} times`] : []),
      ...found.flatMap(one => elementMistakes(member, one, `${path}${name}`)),
    ]
  })
  return [...unknown, ...inside]
}

function elementMistakes(schema: NormalizedSchema, element: XmlElement, path: string): readonly string[] {
  if (schema.isListSchema()) {
    const value = schema.getValueSchema()
    const itemName = String(value.getMergedTraits().xmlName ?? 'member')
    return element.children.flatMap((item, index) =>
      item.name === itemName
        ? elementMistakes(value, item, `${path}[${index}]`)
        : [`${path} holds <${item.name}>, the model says <${itemName}>`],
    )
  }
  if (schema.isMapSchema()) return []
  if (schema.isStructSchema()) {
    const members = membersOf(schema)
    const missing = members
      .filter(([, member]) => isRequired(schema, member))
      .map(([name, member]) => String(member.getMergedTraits().xmlName ?? name))
      .filter(name => child(element, name) === undefined)
    return [
      ...missing.map(name => `${path}.${name} is missing`),
      ...structMistakes(members, element, `${path}.`),
    ]
  }
  if (element.children.length > 0) return [`${path} holds elements, the model says text`]
  return textMistakes(schema, element.text, path)
}

function textMistakes(schema: NormalizedSchema, text: string, path: string): readonly string[] {
  const wrong = (wanted: string) => [`${path} is '${text}', the model says ${wanted}`]
  if (schema.isBooleanSchema()) return /^(true|false)$/.test(text) ? [] : wrong('boolean')
  if (schema.isNumericSchema()) return /^-?\d+(\.\d+)?$/.test(text) ? [] : wrong('number')
  if (schema.isTimestampSchema()) return findMistakes({ kind: 'string', format: 'date-time' }, text, path)
  return []
}

function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find(one => one.name === name)
}
