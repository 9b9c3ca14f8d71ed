import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import type { SimulatedCloud } from '../simulated-cloud.ts'
import type { World } from '../world.ts'

/** The daemon hands requests below this path to `reviewTokenRequest`, on any of its TLS listeners. */
export const tokenReviewPath = '/_sandbox/tokenreview/'
const largestBodyBytes = 256 * 1024

const reviewSchema = z.looseObject({
  apiVersion: z.literal('authentication.k8s.io/v1'),
  kind: z.literal('TokenReview'),
  spec: z.looseObject({ token: z.string() }),
})

/**
 * Answers kube-apiserver's webhook authenticator for the cluster that the path names (`<cloud>/<cluster>`), by asking
 * that cloud whose token it is. Only the cluster's own kube-apiserver knows the bearer token that is wanted here.
 */
export async function reviewTokenRequest(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  clouds: readonly Pick<SimulatedCloud, 'name' | 'reviewToken'>[],
  webhookToken: (key: string) => string | undefined,
): Promise<void> {
  const [cloudName, clusterName] =
    (request.url ?? '').slice(tokenReviewPath.length).split('?')[0]?.split('/') ?? []
  const cloud = clouds.find(candidate => candidate.name === cloudName)
  const expected = webhookToken(`${cloudName}/${clusterName}`)
  if (cloud === undefined || clusterName === undefined || expected === undefined) {
    return answer(response, 404, { message: 'no such cluster' })
  }
  if (!same(request.headers.authorization ?? '', `Bearer ${expected}`)) {
    return answer(response, 401, { message: 'not this cluster’s kube-apiserver' })
  }
  const review = reviewSchema.safeParse(await readBody(request))
  if (!review.success) return answer(response, 400, { message: z.prettifyError(review.error) })
  const user = await cloud.reviewToken(review.data.spec.token, clusterName, world)
  answer(response, 200, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    status: user === undefined ? { authenticated: false } : { authenticated: true, user },
  })
}

/** The URL that a cluster's kube-apiserver asks, below a cloud's endpoint. */
export function tokenReviewUrl(endpoint: string, key: string): string {
  return new URL(`${tokenReviewPath}${key}`, endpoint).href
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = z.instanceof(Buffer).parse(chunk)
    size += bytes.length
    if (size > largestBodyBytes) return undefined
    chunks.push(bytes)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

function same(given: string, expected: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
