import * as z from 'zod'
import type { World } from '../../world.ts'
import { text } from './attributes.ts'
import { parseJson } from './naming.ts'

const oneOrMore = z.union([z.string().transform(one => [one]), z.array(z.string())])
const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMore.default([]),
  Resource: oneOrMore.default([]),
})
const policySchema = z.looseObject({
  Statement: z.union([z.array(statementSchema), statementSchema.transform(one => [one])]),
})

/**
 * Whether a role's own policies and its customer managed ones allow an action. Conditions are not evaluated: what is
 * allowed under one is allowed. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function roleMay(world: World, role: string, action: string, resource: string): boolean {
  const matching = policiesOf(world, role)
    .flatMap(document => policySchema.safeParse(parseJson(document)).data?.Statement ?? [])
    .filter(
      statement =>
        statement.Action.some(pattern => fits(pattern, action)) &&
        statement.Resource.some(pattern => fits(pattern, resource)),
    )
  return matching.length > 0 && matching.every(({ Effect }) => Effect === 'Allow')
}

function policiesOf({ store }: World, role: string): readonly string[] {
  const own = store.list('aws_iam_role_policy').filter(({ attributes }) => attributes['role'] === role)
  const attached = store
    .list('aws_iam_role_policy_attachment')
    .filter(({ attributes }) => attributes['role'] === role)
    .flatMap(({ attributes }) => store.get('aws_iam_policy', text(attributes, 'policy_arn') ?? '') ?? [])
  return [...own, ...attached].flatMap(({ attributes }) => text(attributes, 'policy') ?? [])
}

function fits(pattern: string, value: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${escaped}$`, 'is').test(value)
}

const trustSchema = z.looseObject({
  Statement: z.array(
    z.looseObject({
      Principal: z.looseObject({ Service: oneOrMore.default([]) }).default({ Service: [] }),
      Condition: z.record(z.string(), z.record(z.string(), oneOrMore)).default({}),
    }),
  ),
})

/**
 * Whether a role lets EKS Pod Identity assume it with these request tags.
 * https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
 */
export function trustsPodIdentity(trustPolicy: string, tags: Readonly<Record<string, string>>): boolean {
  const trust = trustSchema.safeParse(parseJson(trustPolicy))
  return (
    trust.success &&
    trust.data.Statement.some(
      ({ Principal, Condition }) =>
        Principal.Service.includes('pods.eks.amazonaws.com') &&
        Object.entries(Condition['StringEquals'] ?? {}).every(([name, values]) => {
          const tag = /^aws:RequestTag\/(.+)$/.exec(name)?.[1]
          const value = tag === undefined ? undefined : tags[tag]
          return tag === undefined || (value !== undefined && values.includes(value))
        }),
    )
  )
}
