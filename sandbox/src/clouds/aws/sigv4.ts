import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
const algorithm = 'AWS4-HMAC-SHA256'

export interface SignableRequest {
  readonly method: string
  /** As on the request line: encoded path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Scope {
  readonly accessKeyId: string
  /** '20261124' */
  readonly date: string
  readonly region: string
  readonly service: string
}

/** The scope a request claims, from its Authorization header or its presigned query; undefined without either. */
export function claimedScope(request: SignableRequest): Claim | undefined {
  const query = new URLSearchParams(request.target.split('?')[1] ?? '')
  if (query.has('X-Amz-Signature')) {
    return claim({
      credential: query.get('X-Amz-Credential') ?? '',
      signedHeaders: query.get('X-Amz-SignedHeaders') ?? '',
      signature: query.get('X-Amz-Signature') ?? '',
      timestamp: query.get('X-Amz-Date') ?? '',
      expiresSeconds: Number(query.get('X-Amz-Expires') ?? '0'),
    })
  }
  const header = request.headers['authorization'] ?? ''
  if (!header.startsWith(`${algorithm} `)) return undefined
  const field = (name: string) => new RegExp(`${name}=([^,\\s]+)`).exec(header)?.[1] ?? ''
  return claim({
    credential: field('Credential'),
    signedHeaders: field('SignedHeaders'),
    signature: field('Signature'),
    timestamp: request.headers['x-amz-date'] ?? '',
    expiresSeconds: undefined,
  })
}

export interface Claim {
  readonly scope: Scope
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** '20261124T041500Z' */
  readonly timestamp: string
  /** Lifetime of a presigned request; undefined for a signed header. */
  readonly expiresSeconds: number | undefined
}

function claim(raw: {
  credential: string
  signedHeaders: string
  signature: string
  timestamp: string
  expiresSeconds: number | undefined
}): Claim | undefined {
  const [accessKeyId, date, region, service, terminator] = raw.credential.split('/')
  if (!accessKeyId || !date || !region || !service || terminator !== 'aws4_request') return undefined
  return {
    scope: { accessKeyId, date, region, service },
    signedHeaders: raw.signedHeaders.split(';'),
    signature: raw.signature,
    timestamp: raw.timestamp,
    expiresSeconds: raw.expiresSeconds,
  }
}

/** Whether the claim's signature is what `secret` makes of the request. `payloadHash` is hexadecimal or S3's literal. */
export function signatureFits(
  request: SignableRequest,
  claimed: Claim,
  payloadHash: string,
  secret: string,
): boolean {
  const expected = signature(request, claimed, payloadHash, secret)
  return (
    expected.length === claimed.signature.length &&
    timingSafeEqual(Buffer.from(expected), Buffer.from(claimed.signature))
  )
}

/** Headers that sign a request of the sandbox's own. */
export function signedHeaders(
  request: SignableRequest,
  scope: Omit<Scope, 'date'>,
  secret: string,
  payload: string | { readonly hash: string },
  now: Date,
): Record<string, string> {
  const timestamp = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const payloadHash = typeof payload === 'string' ? sha256(payload) : payload.hash
  const headers = { ...request.headers, 'x-amz-date': timestamp, 'x-amz-content-sha256': payloadHash }
  const claimed: Claim = {
    scope: { ...scope, date: timestamp.slice(0, 8) },
    signedHeaders: Object.keys(headers).sort(),
    signature: '',
    timestamp,
    expiresSeconds: undefined,
  }
  const { accessKeyId, date, region, service } = claimed.scope
  const made = signature({ ...request, headers }, claimed, payloadHash, secret)
  return {
    ...headers,
    authorization: `${algorithm} Credential=${accessKeyId}/${date}/${region}/${service}/aws4_request, SignedHeaders=${claimed.signedHeaders.join(';')}, Signature=${made}`,
  }
}

function signature(request: SignableRequest, claimed: Claim, payloadHash: string, secret: string): string {
  const { date, region, service } = claimed.scope
  const text = [
    algorithm,
    claimed.timestamp,
    `${date}/${region}/${service}/aws4_request`,
    sha256(canonicalRequest(request, claimed, payloadHash)),
  ].join('\n')
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(
    (secretSoFar, part) => createHmac('sha256', secretSoFar).update(part).digest(),
    `AWS4${secret}`,
  )
  return createHmac('sha256', key).update(text).digest('hex')
}

function canonicalRequest(request: SignableRequest, claimed: Claim, payloadHash: string): string {
  const [path = '/', query = ''] = request.target.split('?')
  // S3 signs the path as it is sent; every other service encodes it once more.
  const canonicalPath = claimed.scope.service === 's3' ? path : path.split('/').map(encode).join('/')
  const headers = claimed.signedHeaders.map(
    name => `${name}:${(request.headers[name] ?? '').trim().replace(/\s+/g, ' ')}\n`,
  )
  return [
    request.method,
    canonicalPath,
    canonicalQuery(query),
    headers.join(''),
    claimed.signedHeaders.join(';'),
    payloadHash,
  ].join('\n')
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter(part => part !== '' && !part.startsWith('X-Amz-Signature='))
    .map(part => {
      const equals = part.indexOf('=')
      const [name, value] = equals === -1 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
      return `${encode(decode(name))}=${encode(decode(value))}`
    })
    .sort()
    .join('&')
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

export function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}
