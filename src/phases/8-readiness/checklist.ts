import type { CheckRow } from '../../engine/check.ts'
import { type Evidence, evidenceOf } from './evidence.ts'

export interface ChecklistItem {
  readonly id: string
  readonly title: string
  /** One of the guide's own eight. */
  readonly isGuides: boolean
  readonly owner: string
  /** Ids of checks, `*` for any cloud; empty: somebody signs it. */
  readonly evidence: readonly string[]
  /** How long what a check saw, or the test that it rests on, holds; then it has to be looked at, or done, again. */
  readonly holdsDays: number
}

export interface SignOff {
  readonly by: string
  /** ISO 8601. */
  readonly at: string
  readonly runId: string
}

export interface ItemState {
  readonly item: ChecklistItem
  readonly state: 'done' | 'open'
  /** What keeps it open, or what it rests on. */
  readonly why: string
  /** What each of its checks saw; empty for what somebody signs. */
  readonly evidence: readonly Evidence[]
  readonly signOff?: SignOff
  /** ISO 8601: when what it rests on has to be looked at again. */
  readonly expiresAt?: string
}

const signOffDays = 180
/** Somebody changes something by hand every week. */
const lookDays = 7
const dayMs = 86_400_000

const bound = (id: string, title: string, owner: string, ...evidence: readonly string[]): ChecklistItem => ({
  id,
  title,
  isGuides: false,
  owner,
  evidence,
  holdsDays: lookDays,
})
const guides = (item: ChecklistItem): ChecklistItem => ({ ...item, isGuides: true })
/** For what is tried out rather than looked at. */
const holding = (holdsDays: number, item: ChecklistItem): ChecklistItem => ({ ...item, holdsDays })

/** The guide's eight boxes (lines 630 to 639), and what else a platform has to have. Ids are API. */
export const checklist: readonly ChecklistItem[] = [
  holding(30, guides(bound('tests', 'All tests passing', 'platform team', '7.*.validation'))),
  guides(bound('dashboards', 'Monitoring dashboards configured', 'platform team', '5.*.dashboards')),
  guides(bound('alerts', 'Alerts configured and tested', 'platform team', '5.*.rules', '5.*.watchdog')),
  holding(
    30,
    guides(
      bound(
        'backup',
        'Backup and recovery tested',
        'platform team',
        '8.*.cluster-backup',
        '8.*.bucket-versions',
        '8.*.database-backup',
        '8.*.database-restore',
      ),
    ),
  ),
  guides(bound('security-scan', 'Security scan completed', 'security', '8.*.scan')),
  // Load is part of what that check asks for, beside the tests.
  holding(30, guides(bound('load-test', 'Load testing successful', 'platform team', '7.*.validation'))),
  holding(90, guides(bound('documentation', 'Documentation complete', 'platform team', '8.*.documentation'))),
  guides(bound('team-training', 'Team training completed', 'team lead')),
  bound(
    'mutual-tls',
    'Everything in the mesh speaks mutual TLS',
    'security',
    '4.*.strict-mtls',
    '4.*.sidecars',
  ),
  bound('certificates', 'No certificate ends soon', 'platform team', '4.*.certificates'),
  bound('network-policies', 'Only what is needed may be spoken to', 'security', '8.*.network-policies'),
  bound(
    'access',
    'People have roles, and nobody more than that',
    'security',
    '8.*.roles',
    '8.*.access-audit',
  ),
  bound('audit', 'Who did what can be found', 'security', '8.*.audit-log'),
  bound('pod-security', 'Pods are restricted', 'security', '8.*.pod-security'),
  bound('capacity', 'Autoscaling and quotas', 'platform team', '8.*.autoscalers', '8.*.quotas'),
  bound('budget-alerts', 'Somebody is told before it costs too much', 'team lead', '8.*.budget'),
  bound('on-call', 'Somebody is on call, and has been woken by a test alert', 'team lead'),
]

/**
 * What of the checklist is done, by what the checks of this run found and who signed what. Asks nobody. A warning keeps
 * an item open until somebody vouches that it may be so; a failure, or what was done too long ago, is never signed away.
 */
export function stateOfChecklist(
  rows: readonly CheckRow[],
  signOffs: ReadonlyMap<string, SignOff>,
  now: Date,
  runId: string,
): readonly ItemState[] {
  return checklist.map(item => {
    const signOff = signOffs.get(item.id)
    if (item.evidence.length === 0) return signedState(item, signOff, now)
    const found = boundState(item, rows, now, runId)
    return found.state === 'open' && found.remarks ? acceptedState(found, signOff, now) : found
  })
}

function signedState(item: ChecklistItem, signOff: SignOff | undefined, now: Date): ItemState {
  const evidence: readonly Evidence[] = []
  if (signOff === undefined)
    return { item, state: 'open', why: `not signed: mlp phase 8 --sign-off ${item.id}`, evidence }
  const expires = new Date(Date.parse(signOff.at) + signOffDays * dayMs)
  const expiresAt = expires.toISOString()
  const signed = `signed by ${signOff.by} on ${signOff.at.slice(0, 10)}`
  return expires > now
    ? { item, state: 'done', why: signed, evidence, signOff, expiresAt }
    : {
        item,
        state: 'open',
        why: `${signed}, which held for ${signOffDays} days: mlp phase 8 --sign-off ${item.id}`,
        evidence,
        signOff,
        expiresAt,
      }
}

const bad: ReadonlySet<CheckRow['status']> = new Set(['fail', 'error', 'blocked', 'skipped'])

/** Of what only warnings keep open: somebody may take that upon themselves, for as long as a signature holds. */
function acceptedState(found: ItemState, signOff: SignOff | undefined, now: Date): ItemState {
  const { item, evidence } = found
  const signed = signedState(item, signOff, now)
  if (signed.state === 'open')
    return { ...found, why: `${found.why}; to accept that: mlp phase 8 --sign-off ${item.id}` }
  const expiresAt = earliest([signed.expiresAt, found.expiresAt])
  return { ...signed, evidence, why: `${found.why}; accepted: ${signed.why}`, ...expiring(expiresAt) }
}

function boundState(
  item: ChecklistItem,
  rows: readonly CheckRow[],
  now: Date,
  runId: string,
): ItemState & { readonly remarks?: true } {
  const patterns = item.evidence.map(pattern => ({ pattern, matches: matcher(pattern) }))
  const its = rows.filter(({ id }) => patterns.some(({ matches }) => matches(id)))
  const evidence = its.map(row => evidenceOf(row, now, runId, item.holdsDays))
  const expiresAt = earliest(evidence.map(each => each.expiresAt))
  const found = (state: ItemState['state'], why: string) => ({
    item,
    state,
    why,
    evidence,
    ...expiring(expiresAt),
  })
  const missing = patterns.filter(({ matches }) => !rows.some(({ id }) => matches(id)))
  if (missing.length > 0) {
    const names = missing.map(({ pattern }) => pattern).join(', ')
    return found('open', `nothing has shown it: there is no check ${names}`)
  }
  const failing = its.filter(({ status }) => bad.has(status))
  const [first] = failing
  if (first !== undefined)
    return found('open', `${first.id} ${first.status}: ${firstLine(first)}${andMore(failing)}`)
  const old = evidence.filter(each => each.expiresAt <= now.toISOString())
  if (old[0] !== undefined) {
    const { check, at } = old[0]
    return found(
      'open',
      `${check} rests on ${at.slice(0, 10)}, which held for ${item.holdsDays} days${andMore(old)}`,
    )
  }
  const warnings = its.filter(({ status }) => status === 'warn')
  const [warned] = warnings
  if (warned === undefined) return found('done', `${its.length} checks passed`)
  return {
    ...found('open', `${warned.id} warns: ${firstLine(warned)}${andMore(warnings)}`),
    remarks: true,
  }
}

function firstLine({ detail }: CheckRow): string {
  return detail.split('\n')[0] ?? ''
}

function andMore(all: readonly unknown[]): string {
  return all.length > 1 ? `, and ${all.length - 1} more` : ''
}

function earliest(instants: readonly (string | undefined)[]): string | undefined {
  return instants.filter(instant => instant !== undefined).toSorted()[0]
}

function expiring(expiresAt: string | undefined): { readonly expiresAt?: string } {
  return expiresAt === undefined ? {} : { expiresAt }
}

function matcher(pattern: string): (id: string) => boolean {
  const parts = pattern.split('.')
  return id => {
    const its = id.split('.')
    return its.length === parts.length && parts.every((part, index) => part === '*' || part === its[index])
  }
}
