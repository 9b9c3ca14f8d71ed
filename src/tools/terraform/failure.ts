import { MlpError } from '../../engine/errors.ts'
import type { Diagnostic } from './messages.ts'
import type { Workspace } from './workspace.ts'

/** Turns a failed terraform into what a person can act on: the diagnostics it gave, not its exit code. */
export function terraformFailure(
  error: unknown,
  workspace: Pick<Workspace, 'name' | 'folder'>,
  diagnostics: readonly Diagnostic[],
): unknown {
  if (!(error instanceof MlpError) || error.code !== 'MLP2002') return error
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return error
  const [first] = errors
  const where = first?.address === undefined ? '' : ` at ${first.address}`
  return new MlpError({
    code: 'MLP2101',
    summary: `terraform failed in ${workspace.name}${where}: ${first?.summary ?? 'unknown error'}`,
    detail: errors
      .map(({ summary, detail, address }) => [address, summary, detail].filter(Boolean).join(': '))
      .join('\n'),
    remedy: remedies(errors, workspace.folder),
    command: error.command,
    cause: error,
  })
}

const known: readonly { readonly pattern: RegExp; readonly remedy: string }[] = [
  {
    pattern:
      /(?<!disk )quota|limit ?exceeded|insufficient.*capacity|ZONE_RESOURCE_POOL_EXHAUSTED|SkuNotAvailable/i,
    remedy: 'Ask the cloud for more quota, or choose another node type or region in mlp.yaml.',
  },
  {
    pattern: /expired|ExpiredToken|invalid_grant|AADSTS/i,
    remedy: 'The credentials have ended: sign in again (`mlp login`), then run the same command.',
  },
  {
    pattern: /AccessDenied|not authorized|PERMISSION_DENIED|AuthorizationFailed|Forbidden/i,
    remedy: 'The identity lacks a permission: `mlp doctor` names it.',
  },
  {
    pattern: /thrott|TooManyRequests|rate exceeded|RequestLimitExceeded/i,
    remedy:
      'The cloud is throttling: wait a minute, then run the same command; it continues where it stopped.',
  },
  {
    pattern: /connection refused|connection reset|no such host|i\/o timeout|network is unreachable/i,
    remedy: 'The cloud cannot be reached: look at the network, a proxy or a firewall of this machine.',
  },
  {
    pattern: /metadata "terraformlockid" was empty/,
    remedy:
      'A terraform died between taking the state lock and naming itself. When none runs for certain: az storage blob lease break, with account, container and blob of mlp.backend.json.',
  },
  {
    pattern: /already exists|AlreadyExists|Conflict/i,
    remedy:
      "Something of that name exists and does not carry this platform's id; rename `project` in mlp.yaml, or remove it if it is yours.",
  },
]

/** The simulated provider's words for what no cloud has said; its detail is a log, in which anything may stand. */
const ofTheSandbox = /the sandbox itself failed/

const diskFull = /no space left on device|disk quota exceeded/i

function remedies(errors: readonly Diagnostic[], folder: string): readonly string[] {
  const isOfTheSandbox = errors.some(({ summary }) => ofTheSandbox.test(summary))
  const text = errors
    .map(({ summary, detail }) => (ofTheSandbox.test(summary) ? '' : `${summary} ${detail}`))
    .join('\n')
  const fitting = known.filter(({ pattern }) => pattern.test(text)).map(({ remedy }) => remedy)
  return [
    ...(diskFull.test(text) ? [`The disk is full: free some space (df -h ${folder}).`] : []),
    ...(isOfTheSandbox
      ? ['The sandbox failed, no cloud did: mlp sandbox status says what does not run, and where its log is.']
      : []),
    ...fitting,
    'Run the same command again: what is done is kept, and it goes on from here.',
  ]
}
