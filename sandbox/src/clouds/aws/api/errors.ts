import { randomUUID } from 'node:crypto'
import type { Refusal } from '../authorise.ts'
import { type Answer, escapeXml, json, xmlAnswer } from './answer.ts'

export type Protocol = 'ec2' | 'query' | 'json' | 'rest-json' | 'rest-xml' | 's3'

const protocols: Readonly<Record<string, Protocol>> = {
  ec2: 'ec2',
  rds: 'query',
  elasticache: 'query',
  iam: 'query',
  sts: 'query',
  budgets: 'json',
  ce: 'json',
  ecr: 'json',
  kms: 'json',
  logs: 'json',
  pricing: 'json',
  secretsmanager: 'json',
  servicequotas: 'json',
  tagging: 'json',
  eks: 'rest-json',
  s3: 's3',
  route53: 'rest-xml',
}

export function protocolOf(service: string): Protocol | undefined {
  return protocols[service]
}

/** An error as the service's protocol words it. */
export function errorAnswer(protocol: Protocol, code: string, message: string, status: number): Answer {
  const inner = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`
  switch (protocol) {
    case 'ec2':
      return xmlAnswer(
        `<Response><Errors><Error>${inner}</Error></Errors><RequestID>${randomUUID()}</RequestID></Response>`,
        status,
      )
    case 'query':
    case 'rest-xml':
      return xmlAnswer(
        `<ErrorResponse><Error><Type>Sender</Type>${inner}</Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
        status,
      )
    case 's3':
      return xmlAnswer(`<Error>${inner}<RequestId>${randomUUID()}</RequestId></Error>`, status)
    case 'json':
      return json({ __type: code, message }, status)
    case 'rest-json': {
      const answer = json({ message }, status, 'application/json')
      return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': code } }
    }
  }
}

// What each protocol calls a refused credential; https://docs.aws.amazon.com/IAM/latest/UserGuide/CommonErrors.html and the services' own pages.
const refusals: Readonly<Record<Protocol, Readonly<Record<Refusal, string>>>> = {
  ec2: {
    missing: 'MissingAuthenticationToken',
    'unknown-key': 'AuthFailure',
    'wrong-signature': 'AuthFailure',
    expired: 'RequestExpired',
    skewed: 'RequestExpired',
  },
  query: {
    missing: 'MissingAuthenticationToken',
    'unknown-key': 'InvalidClientTokenId',
    'wrong-signature': 'SignatureDoesNotMatch',
    expired: 'ExpiredToken',
    skewed: 'SignatureDoesNotMatch',
  },
  'rest-xml': {
    missing: 'MissingAuthenticationToken',
    'unknown-key': 'InvalidClientTokenId',
    'wrong-signature': 'SignatureDoesNotMatch',
    expired: 'ExpiredToken',
    skewed: 'SignatureDoesNotMatch',
  },
  json: {
    missing: 'MissingAuthenticationTokenException',
    'unknown-key': 'UnrecognizedClientException',
    'wrong-signature': 'InvalidSignatureException',
    expired: 'ExpiredTokenException',
    skewed: 'InvalidSignatureException',
  },
  'rest-json': {
    missing: 'MissingAuthenticationTokenException',
    'unknown-key': 'UnrecognizedClientException',
    'wrong-signature': 'InvalidSignatureException',
    expired: 'ExpiredTokenException',
    skewed: 'InvalidSignatureException',
  },
  s3: {
    missing: 'AccessDenied',
    'unknown-key': 'InvalidAccessKeyId',
    'wrong-signature': 'SignatureDoesNotMatch',
    expired: 'ExpiredToken',
    skewed: 'RequestTimeTooSkewed',
  },
}

export function refusalAnswer(protocol: Protocol, why: Refusal, message: string): Answer {
  return errorAnswer(protocol, refusals[protocol][why], message, 403)
}
