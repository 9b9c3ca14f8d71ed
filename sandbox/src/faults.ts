import * as z from 'zod'

/** What can be made to go wrong, as the clouds themselves do now and then. */
export const faultSchema = z.strictObject({
  /** A terraform resource type (`aws_eks_cluster`) or an API operation as a path prefix (`aws:/clusters`). */
  on: z.string().min(1),
  kind: z.enum(['throttle', 'serverError', 'capacity', 'lostResponse', 'expiredCredentials']),
  /** How many times, then no more. */
  count: z.int().min(1).default(1),
  /** Only for this terraform action. */
  action: z.enum(['create', 'update', 'delete']).optional(),
})
export type Fault = z.output<typeof faultSchema>
export type FaultKind = Fault['kind']

export interface Faults {
  list(): readonly Fault[]
  replace(faults: readonly Fault[]): void
  /** The next fault for a terraform action on a type; counts it. */
  takeForResource(type: string, action: 'create' | 'update' | 'delete'): FaultKind | undefined
  /** The next fault for an API request `<cloud>:<path>`; counts it. */
  takeForRequest(request: string): FaultKind | undefined
}

export function createFaults(initial: readonly Fault[] = []): Faults {
  let faults = [...initial]
  const take = (fits: (fault: Fault) => boolean): FaultKind | undefined => {
    const found = faults.find(fits)
    if (found === undefined) return undefined
    faults = faults.flatMap(fault => {
      if (fault !== found) return [fault]
      return fault.count > 1 ? [{ ...fault, count: fault.count - 1 }] : []
    })
    return found.kind
  }
  return {
    list: () => faults,
    replace(next) {
      faults = [...next]
    },
    takeForResource: (type, action) =>
      take(fault => fault.on === type && (fault.action === undefined || fault.action === action)),
    takeForRequest: request => take(fault => fault.on.includes(':') && request.startsWith(fault.on)),
  }
}
