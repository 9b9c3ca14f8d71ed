/**
 * Who did what in the cluster, as its control plane says and the cloud keeps it. Every method throws what Cloud
 * promises.
 */
export interface AuditLog {
  /** `log group /aws/eks/…/cluster` */
  readonly place: string
  /** A command that shows a person its newest entries. */
  readonly command: string
  /** Whether it is kept, and for how long. */
  state(signal: AbortSignal): Promise<AuditLogState>
  /** The newest request about an object since then; undefined where there is none, or it has not arrived yet. */
  newest(object: AuditedObject, since: Date, signal: AbortSignal): Promise<AuditEntry | undefined>
}

export type AuditLogState =
  /** Why nothing is kept, in words. */
  | { readonly kept: false; readonly problem: string }
  /** Without days: for ever. */
  | { readonly kept: true; readonly retentionDays?: number }

export interface AuditedObject {
  /** As Kubernetes calls it in paths. */
  readonly resource: 'configmaps'
  readonly namespace: string
  readonly name: string
}

export interface AuditEntry {
  /** ISO 8601, by the API server's clock. */
  readonly at: string
  /** As the cluster knows whoever asked. */
  readonly by: string
  /** `patch` */
  readonly verb: string
  readonly userAgent: string
}
