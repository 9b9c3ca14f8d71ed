import * as z from 'zod'
import type { ResourceStore } from './store/resource-store.ts'

/** Limits by `<cloud>/<name>`, in place of the clouds' own: what the control socket's PUT /quotas takes. */
export const quotasRequest = z.strictObject({ quotas: z.record(z.string(), z.number().min(0)) })

const namespace = 'quotas'

/** The limit that was set by hand, else the given one. */
export function quotaLimit(store: ResourceStore, name: string, standard: number): number {
  const set = store.getFact(namespace, name)
  return typeof set === 'number' ? set : standard
}

export function setQuotas(store: ResourceStore, quotas: Readonly<Record<string, number>>): void {
  for (const [name, limit] of Object.entries(quotas)) store.putFact(namespace, name, limit)
}
