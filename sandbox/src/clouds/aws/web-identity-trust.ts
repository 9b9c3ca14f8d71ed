import * as z from 'zod'
import { parseJson } from './naming.ts'

const oneOrMore = z.union([z.string().transform(one => [one]), z.array(z.string())])
const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMore.default([]),
  Principal: z
    .looseObject({ Federated: oneOrMore.default([]) })
    .or(z.string())
    .optional(),
  Condition: z.record(z.string(), z.record(z.string(), oneOrMore)).default({}),
})
const trustSchema = z.looseObject({
  Statement: z.union([z.array(statementSchema), statementSchema.transform(one => [one])]),
})

/**
 * Whether a role lets the bearer of such a token become it. Conditions that are not known here do not hold.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
 */
export function trustsWebIdentity(
  trustPolicy: string,
  providerArn: string,
  issuerHost: string,
  claims: Readonly<Record<string, readonly string[]>>,
): boolean {
  const trust = trustSchema.safeParse(parseJson(trustPolicy))
  if (!trust.success) return false
  const matching = trust.data.Statement.filter(
    ({ Action, Principal, Condition }) =>
      Action.some(one => one === 'sts:AssumeRoleWithWebIdentity' || one === 'sts:*' || one === '*') &&
      typeof Principal === 'object' &&
      Principal.Federated.includes(providerArn) &&
      Object.entries(Condition).every(([operator, tests]) =>
        Object.entries(tests).every(([key, wanted]) => {
          const prefix = `${issuerHost}:`.toLowerCase()
          const name = key.toLowerCase().startsWith(prefix) ? key.slice(prefix.length) : undefined
          return name !== undefined && holds(operator, claims[name] ?? [], wanted)
        }),
      ),
  )
  return matching.length > 0 && matching.every(({ Effect }) => Effect === 'Allow')
}

function holds(operator: string, values: readonly string[], wanted: readonly string[]): boolean {
  const [, set = '', plain = ''] = /^(?:(ForAnyValue|ForAllValues):)?(.+?)(?:IfExists)?$/.exec(operator) ?? []
  const one = (value: string) => {
    switch (plain) {
      case 'StringEquals':
        return wanted.includes(value)
      case 'StringEqualsIgnoreCase':
        return wanted.some(other => other.toLowerCase() === value.toLowerCase())
      case 'StringLike':
        return wanted.some(pattern => like(pattern).test(value))
      case 'StringNotEquals':
        return !wanted.includes(value)
      case 'StringNotLike':
        return !wanted.some(pattern => like(pattern).test(value))
      default:
        return false
    }
  }
  if (values.length === 0)
    return set === 'ForAllValues' || operator.endsWith('IfExists') || plain.startsWith('StringNot')
  return set === 'ForAllValues' ? values.every(one) : values.some(one)
}

function like(pattern: string): RegExp {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${escaped}$`, 's')
}
