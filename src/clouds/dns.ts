import { MlpError } from '../engine/errors.ts'

/** cloud.ts, which says it first, needs this file. */
type CloudName = 'aws' | 'gcp' | 'azure'

/** A zone of names that is there already: mlp makes none, and removes none. */
export interface DnsZone {
  /** As its cloud calls it. */
  readonly id: string
  /** `example.com`, without a dot behind it. */
  readonly name: string
  readonly nameServers: readonly string[]
}

/** What stands at one name. `values` of a TXT record without quotes; names without a dot behind them. */
export interface DnsRecord {
  readonly name: string
  readonly type: string
  readonly ttl: number
  readonly values: readonly string[]
  /** One of several that a name is answered with by health and weight: the cloud's own business. */
  readonly isRouted?: true
}

export interface DnsChange {
  /** Fail where something of that name and type is there meanwhile. */
  readonly create: readonly DnsRecord[]
  readonly replace: readonly { readonly from: DnsRecord; readonly to: DnsRecord }[]
  readonly remove: readonly DnsRecord[]
}

/** Where a load balancer is: AWS gives it a name, the others an address. */
export type GatewayAddress =
  | { readonly kind: 'ip'; readonly value: string }
  | { readonly kind: 'hostname'; readonly value: string }

/** The name that leads to whichever clouds are healthy. */
export interface GlobalName {
  readonly name: string
  /** Each cloud's own name stands before this. */
  readonly members: readonly GlobalMember[]
}

export interface GlobalMember {
  readonly cloud: CloudName
  /** `aws.ml.example.com` */
  readonly name: string
  readonly address: GatewayAddress
}

/** How whoever checks a gateway's health asks it: over TLS, under the name that it checks. */
export const probe = { port: 443, path: '/health', intervalSeconds: 30, failures: 3 } as const

/** The members are equal, and clients ask again after this time. */
export const recordTtl = 60

/** Whether a record is at this name or below it. */
export function isWithin({ name }: Pick<DnsRecord, 'name'>, below: string): boolean {
  return name === below || name.endsWith(`.${below}`)
}

/** The one zone that a name means, where there is one; throws MLP4080 where it means several. */
export function onlyZone<Zone>(
  service: string,
  name: string,
  zones: readonly Zone[],
  idsOf: (zones: readonly Zone[]) => string,
): Zone | undefined {
  if (zones.length < 2) return zones[0]
  throw new MlpError({
    code: 'MLP4080',
    summary: `${service} has ${zones.length} public zones called ${name}`,
    detail: idsOf(zones),
    remedy: ['Name the one that the domain is delegated to by its id: dns.zone in mlp.yaml.'],
  })
}

export interface GlobalState {
  readonly state: 'absent' | 'partial' | 'drifted' | 'present'
  readonly why: string
}

export interface MemberHealth {
  readonly cloud: CloudName
  /** `unknown`: the cloud does not tell, or has not asked yet. */
  readonly state: 'healthy' | 'unhealthy' | 'unknown'
  readonly why: string
}

export interface RemovedThing {
  readonly type: string
  readonly id: string
  readonly name: string
}

/**
 * A cloud's DNS, as far as the platform's names need it. Whose a record is, its caller decides, by marks beside them;
 * what stands behind the global name (health checks, a profile) carries the platform's id and is looked for by it.
 */
export interface DnsService {
  /** Undefined where the account has no such public zone; throws MLP4080 where a name means several. */
  zone(nameOrId: string, signal: AbortSignal): Promise<DnsZone | undefined>
  /** All records at a name and below it. */
  records(zone: DnsZone, below: string, signal: AbortSignal): Promise<readonly DnsRecord[]>
  /** At once, or one after the other where the cloud has no other way; `create` overwrites nothing. */
  change(zone: DnsZone, change: DnsChange, signal: AbortSignal): Promise<void>
  globalState(zone: DnsZone, wanted: GlobalName, signal: AbortSignal): Promise<GlobalState>
  /** Safe to repeat. The name itself is free, or ours. */
  putGlobal(
    zone: DnsZone,
    wanted: GlobalName,
    signal: AbortSignal,
    report: (message: string) => void,
  ): Promise<void>
  /** Everything of the platform that stands behind a global name, and that name where `isOurs`. */
  removeGlobal(
    zone: DnsZone,
    name: string,
    isOurs: boolean,
    signal: AbortSignal,
  ): Promise<readonly RemovedThing[]>
  health(zone: DnsZone, wanted: GlobalName, signal: AbortSignal): Promise<readonly MemberHealth[]>
}
