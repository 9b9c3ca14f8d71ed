import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { isObject, text } from '../attributes.ts'
import { authorise } from '../authorise.ts'
import { parseJson } from '../naming.ts'
import { type SignableRequest, sha256 } from '../sigv4.ts'
import { type Answer, type ApiScope, json, toXml, type XmlValue, xmlAnswer } from './answer.ts'
import { logEventsOf } from './audit-log.ts'
import { budgetRight } from './budgets.ts'
import { ec2Operations } from './ec2.ts'
import { eksAnswer } from './eks.ts'
import { eksAction } from './eks-actions.ts'
import { errorAnswer, protocolOf, refusalAnswer } from './errors.ts'
import { jsonServices } from './json-services.ts'
import { elasticacheOperations, iamOperations, rdsOperations, stsOperations } from './query-services.ts'
import { requireRight, requireS3Right } from './rights.ts'
import { route53Answer } from './route53.ts'
import { bucketAnswer, forward, pathStyle } from './s3.ts'
import { webIdentityAnswer } from './web-identity.ts'

const largestBodyBytes = 1 << 20

/** The whole of AWS on one host: checks the signature, and routes by the service in its credential scope. */
export async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
): Promise<void> {
  const signable: SignableRequest = {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    headers: headersOf(request),
  }
  // Object bodies are large and pass through; the header holds their hash, and the data plane checks it.
  const body = signable.headers['authorization']?.includes('/s3/') ? undefined : await bodyOf(request)
  const payloadHash = body === undefined ? (signable.headers['x-amz-content-sha256'] ?? '') : sha256(body)
  const unsigned =
    body === undefined || signable.headers['authorization'] !== undefined
      ? undefined
      : await webIdentityAnswer(body.toString('utf8'), signable.target.split('?')[1] ?? '', world)
  if (unsigned !== undefined) return send(response, unsigned)
  const verdict = authorise(signable, payloadHash, world, new Date())
  const service = verdict.allowed ? verdict.claim.scope.service : verdict.service
  const protocol = protocolOf(service) ?? 'rest-json'
  if (!verdict.allowed) return send(response, refusalAnswer(protocol, verdict.why, verdict.message))
  const scope: ApiScope = { world, region: verdict.claim.scope.region, session: verdict.session }
  try {
    const target = pathStyle(signable)
    if (service === 's3') requireS3Right(signable.method, target, scope)
    const answer =
      service === 's3'
        ? await bucketAnswer(request, target, () => bodyOf(request).then(String), scope)
        : await answerOf(service, signable, String(body), scope)
    if (answer === undefined) await forward(request, response, target, scope)
    else send(response, answer)
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    send(response, errorAnswer(protocol, error.code, error.message, error.httpStatus))
  }
}

async function answerOf(
  service: string,
  request: SignableRequest,
  body: string,
  scope: ApiScope,
): Promise<Answer> {
  const [path = '/', query = ''] = request.target.split('?')
  switch (protocolOf(service)) {
    case 'rest-json':
      requireRight(eksAction(request.method, path), '*', scope)
      return json(eksAnswer(request.method, path, new URLSearchParams(query), scope), 200, 'application/json')
    case 'rest-xml':
      return route53Answer(request.method, request.target, body, scope)
    case 'json': {
      const operation = (request.headers['x-amz-target'] ?? '').split('.').at(-1) ?? ''
      const run = jsonServices[service]?.[operation]
      const input = parseJson(body)
      const asked = isObject(input) ? input : {}
      // Its own prefix in policies is another than its name on the wire.
      requireRight(
        service === 'budgets'
          ? budgetRight(operation)
          : `${service === 'tagging' ? 'tag' : service}:${operation}`,
        operation === 'FilterLogEvents' ? logEventsOf(asked, scope) : (text(asked, 'SecretId') ?? '*'),
        scope,
      )
      return json(await known(run, operation)(asked, scope))
    }
    case 'ec2': {
      const input = new URLSearchParams(body || query)
      const operation = input.get('Action') ?? ''
      requireRight(`ec2:${operation}`, '*', scope)
      return xmlAnswer(
        toXml(`${operation}Response`, {
          requestId: randomUUID(),
          ...known(ec2Operations[operation], operation)(input, scope),
        }),
      )
    }
    case 'query': {
      const input = new URLSearchParams(body || query)
      const operation = input.get('Action') ?? ''
      const run = known(queryServices[service]?.[operation], operation)
      // Everybody may ask who they are.
      if (operation !== 'GetCallerIdentity') requireRight(`${service}:${operation}`, '*', scope)
      return xmlAnswer(
        toXml(`${operation}Response`, {
          [`${operation}Result`]: run(input, scope),
          ResponseMetadata: { RequestId: randomUUID() },
        }),
      )
    }
    default:
      throw new CloudError('UnknownService', `the sandbox has no service ${service}`, 404)
  }
}

type QueryOperation = (input: URLSearchParams, scope: ApiScope) => { readonly [name: string]: XmlValue }

const queryServices: Readonly<Record<string, Readonly<Record<string, QueryOperation>>>> = {
  sts: stsOperations,
  iam: iamOperations,
  rds: rdsOperations,
  elasticache: elasticacheOperations,
}

function known<T>(operation: T | undefined, name: string): T {
  if (operation === undefined)
    throw new CloudError('InvalidAction', `the sandbox does not answer ${name}`, 400)
  return operation
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  )
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > largestBodyBytes) throw new CloudError('RequestTooLarge', 'Request body is too large', 413)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers)
  response.end(answer.body)
}
