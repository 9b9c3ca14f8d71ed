import { MlpError } from '../engine/errors.ts'
import type { KubeStatus } from './objects.ts'

/** Which cluster an error is about, and how its token is got again. */
export interface ClusterLabel {
  /** 'aws' */
  readonly cloud: string
  readonly cluster: string
  readonly endpoint: string
}

const certificateCodes = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** The system's error code somewhere in a chain of causes: fetch wraps what the socket said. */
export function systemErrorCode(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ('code' in current && typeof current.code === 'string') return current.code
  }
  return undefined
}

/** No answer came at all: MLP4002 when the certificate was refused, MLP4001 otherwise. */
export function unreachable(label: ClusterLabel, error: unknown): MlpError {
  const code = systemErrorCode(error)
  const said = innermostMessage(error)
  if (code !== undefined && certificateCodes.has(code)) {
    return new MlpError({
      code: 'MLP4002',
      summary: `${where(label)} shows a certificate that its cluster authority did not sign`,
      detail: `${said} (${code}). The authority is the one the cloud's API gives for this cluster.`,
      remedy: [
        `mlp bootstrap --to 2 --cloud ${label.cloud}`,
        'Something between this machine and the cluster may answer in its place: a proxy, or a firewall that opens TLS.',
      ],
      cause: error,
    })
  }
  return new MlpError({
    code: 'MLP4001',
    summary: `${where(label)} does not answer`,
    detail: code === undefined ? said : `${said} (${code})`,
    remedy: [
      `mlp verify 1 --cloud ${label.cloud}`,
      'Check that this machine’s network is one that the cluster’s endpoint admits (VPN, authorized networks).',
    ],
    cause: error,
  })
}

/** An answer that is no success and that asking again will not change. */
export function refused(
  label: ClusterLabel,
  action: string,
  httpStatus: number,
  status: KubeStatus,
): MlpError {
  const detail = status.message
  switch (httpStatus) {
    case 401:
      return new MlpError({
        code: 'MLP4003',
        summary: `${where(label)} does not accept the token`,
        detail: `While asked to ${action}: ${detail}. The token is expired, or its identity is not admitted to this cluster.`,
        remedy: [`mlp login ${label.cloud}`, `mlp doctor`],
      })
    case 403:
      return new MlpError({
        code: 'MLP4004',
        summary: `Not allowed to ${action} in ${where(label)}`,
        detail,
        remedy: [
          `Give this identity administrator access to the cluster, then: mlp verify 2 --cloud ${label.cloud}`,
        ],
      })
    default: {
      if (/failed calling webhook/.test(detail)) return webhookFailed(label, action, detail)
      const overloaded = httpStatus === 429 || httpStatus > 500
      return new MlpError({
        code: overloaded ? 'MLP4005' : 'MLP4006',
        summary: `${where(label)} refused to ${action} (${httpStatus} ${status.reason})`,
        detail,
        remedy: overloaded
          ? ['The API server is overloaded or starting; run the same command again in a minute.']
          : [
              `mlp verify 2 --cloud ${label.cloud}`,
              'If mlp wrote the object itself, this is a bug: please report it.',
            ],
      })
    }
  }
}

/** `Internal error occurred: failed calling webhook "rules.example.com": failed to call webhook: Post "https://…": …` */
function webhookFailed(label: ClusterLabel, action: string, detail: string): MlpError {
  const name = /failed calling webhook "([^"]+)"/.exec(detail)?.[1] ?? 'a webhook'
  const phase = /istio/.test(name) ? 4 : /monitoring|prometheus/.test(name) ? 5 : undefined
  return new MlpError({
    code: 'MLP4009',
    summary: `The webhook ${name} of ${where(label)} does not answer, so that it refused to ${action}`,
    detail,
    remedy: [
      ...(phase === undefined
        ? []
        : [`What answers for it is put right by: mlp phase ${phase} --cloud ${label.cloud}`]),
      'See whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations',
      'Where its pods are gone for good, remove its configuration. Then run the same command again.',
    ],
  })
}

/** Something answered, but it is no Kubernetes API. */
export function notKubernetes(label: ClusterLabel, action: string, problem: string): MlpError {
  return new MlpError({
    code: 'MLP4007',
    summary: `${where(label)} gave an answer that is not a Kubernetes API's`,
    detail: `While asked to ${action}: ${problem}`,
    remedy: ['Check what listens at this address: a proxy or a login page may answer in its place.'],
  })
}

/**
 * MLP4010: another field manager owns what we want to set. Nothing was changed.
 * The API server words a cause as `conflict with "kubectl-edit" using v1: .data.log_level` or `conflict with "x"`.
 */
export function fieldConflict(label: ClusterLabel, object: string, status: KubeStatus): MlpError {
  const conflicts = (status.details?.causes ?? [])
    .filter(cause => cause.reason === 'FieldManagerConflict')
    .map(cause => ({
      owner: /"([^"]*)"/.exec(cause.message)?.[1] ?? 'another manager',
      field: cause.field,
    }))
  const owners = [...new Set(conflicts.map(conflict => conflict.owner))].join(', ')
  return new MlpError({
    code: 'MLP4010',
    summary: `${object} in ${where(label)}: ${owners || 'another manager'} owns fields that mlp sets`,
    detail:
      conflicts.length > 0
        ? conflicts.map(({ field, owner }) => `${field} is owned by ${owner}`).join('\n')
        : status.message,
    remedy: [
      'Take the change back where it was made, or remove the field there, then run the same command again.',
      `See who set what: kubectl --context <context> get ${object.replace(' ', ' -o yaml --show-managed-fields ')}`,
    ],
  })
}

export function waitedTooLong(label: ClusterLabel, what: string, timeoutMs: number, last: string): MlpError {
  return new MlpError({
    code: 'MLP4011',
    summary: `${where(label)}: ${what} took longer than ${Math.round(timeoutMs / 1000)} s`,
    detail: last,
    remedy: [
      `mlp verify 2 --cloud ${label.cloud}`,
      'Run the same command again; it goes on where it stopped.',
    ],
  })
}

function where(label: ClusterLabel): string {
  return `cluster ${label.cluster} (${label.cloud}, ${label.endpoint})`
}

function innermostMessage(error: unknown): string {
  let message = String(error)
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current.message !== '') message = current.message
  }
  return message
}
