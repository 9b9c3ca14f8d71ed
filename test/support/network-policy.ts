import * as z from 'zod'
import { contains, parseCidr } from '../../src/config/cidr.ts'
import type { KubeObject } from '../../src/kube/objects.ts'

/*
 * What Kubernetes says NetworkPolicies mean (https://kubernetes.io/docs/concepts/services-networking/network-policies/),
 * for one connection: a pod that a policy of that direction selects is isolated in it, and then only what some policy
 * allows gets through. Written for tests: nothing that mlp does rests on it.
 */

export interface Pod {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
}
/** A pod, or an address outside of the cluster. */
export type Peer = Pod | { readonly address: string }

export interface Connection {
  readonly from: Peer
  readonly to: Peer
  readonly port: number
  readonly protocol?: 'TCP' | 'UDP'
}

const selectorSchema = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z
    .array(
      z.strictObject({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.array(z.string()).default([]),
      }),
    )
    .default([]),
})
const peerSchema = z.strictObject({
  podSelector: selectorSchema.optional(),
  namespaceSelector: selectorSchema.optional(),
  ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()).default([]) }).optional(),
})
const portSchema = z.strictObject({
  protocol: z.enum(['TCP', 'UDP']).default('TCP'),
  port: z.number(),
  endPort: z.number().optional(),
})
const policySchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.strictObject({
    podSelector: selectorSchema,
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
    ingress: z
      .array(z.strictObject({ from: z.array(peerSchema).optional(), ports: z.array(portSchema).optional() }))
      .default([]),
    egress: z
      .array(z.strictObject({ to: z.array(peerSchema).optional(), ports: z.array(portSchema).optional() }))
      .default([]),
  }),
})
type Policy = z.infer<typeof policySchema>
type Selector = z.infer<typeof selectorSchema>
type RulePeer = z.infer<typeof peerSchema>
type RulePort = z.infer<typeof portSchema>

/** Whether the policies let a connection through, at both of its ends. */
export function isAllowed(objects: readonly KubeObject[], connection: Connection): boolean {
  const policies = objects.map(object => policySchema.parse(object))
  const { from, to } = connection
  const leaves = rulesFor(policies, from, 'Egress').map(({ policy, rule }) =>
    passes(policy, rule, to, connection),
  )
  const enters = rulesFor(policies, to, 'Ingress').map(({ policy, rule }) =>
    passes(policy, rule, from, connection),
  )
  return (
    (!isIsolated(policies, from, 'Egress') || leaves.includes(true)) &&
    (!isIsolated(policies, to, 'Ingress') || enters.includes(true))
  )
}

type Direction = 'Ingress' | 'Egress'
interface Rule {
  readonly peers: readonly RulePeer[] | undefined
  readonly ports: readonly RulePort[] | undefined
}

function selecting(policies: readonly Policy[], peer: Peer, direction: Direction): readonly Policy[] {
  if ('address' in peer) return []
  return policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === peer.namespace &&
      spec.policyTypes.includes(direction) &&
      matches(spec.podSelector, peer.labels),
  )
}

function isIsolated(policies: readonly Policy[], peer: Peer, direction: Direction): boolean {
  return selecting(policies, peer, direction).length > 0
}

function rulesFor(policies: readonly Policy[], peer: Peer, direction: Direction) {
  return selecting(policies, peer, direction).flatMap(policy => {
    const rules: readonly Rule[] =
      direction === 'Ingress'
        ? policy.spec.ingress.map(({ from, ports }) => ({ peers: from, ports }))
        : policy.spec.egress.map(({ to, ports }) => ({ peers: to, ports }))
    return rules.map(rule => ({ policy, rule }))
  })
}

function passes(policy: Policy, rule: Rule, other: Peer, { port, protocol = 'TCP' }: Connection): boolean {
  const isPort =
    rule.ports === undefined ||
    rule.ports.some(
      each => each.protocol === protocol && port >= each.port && port <= (each.endPort ?? each.port),
    )
  const isPeer =
    rule.peers === undefined || rule.peers.some(peer => isThat(peer, other, policy.metadata.namespace))
  return isPort && isPeer
}

function isThat(peer: RulePeer, other: Peer, home: string): boolean {
  if (peer.ipBlock !== undefined) {
    // Pods are reached at addresses, too; but which those are, no policy of mlp's may rely on.
    return 'address' in other && isWithin(peer.ipBlock.cidr, other.address)
  }
  if ('address' in other) return false
  const isNamespace =
    peer.namespaceSelector === undefined
      ? other.namespace === home
      : matches(peer.namespaceSelector, { 'kubernetes.io/metadata.name': other.namespace })
  return isNamespace && (peer.podSelector === undefined || matches(peer.podSelector, other.labels))
}

function isWithin(cidr: string, address: string): boolean {
  const [range, single] = [parseCidr(cidr), parseCidr(`${address}/32`)]
  if (range === undefined || single === undefined) throw new Error(`${cidr} or ${address} is no IPv4 range`)
  return contains(range, single)
}

function matches({ matchLabels, matchExpressions }: Selector, labels: Readonly<Record<string, string>>) {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => holds(operator, values, labels[key]))
  )
}

function holds(
  operator: Selector['matchExpressions'][number]['operator'],
  values: readonly string[],
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}
