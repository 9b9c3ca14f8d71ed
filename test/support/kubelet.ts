import * as z from 'zod'
import type { KubeObject } from '../../src/kube/objects.ts'
import type { TestControlPlane } from './control-plane.ts'
import { eventually } from './processes.ts'

/** How a pod fares, said as a kubelet would, by its status. */
export async function sayAsKubelet(plane: TestControlPlane, pod: KubeObject, status: object): Promise<void> {
  const { name, namespace = 'default' } = pod.metadata
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`
  // The scheduler and the controllers write it, too: read again after a conflict.
  await eventually(`the status of ${name} to be taken`, async () => {
    const live = z.looseObject({ status: z.looseObject({}) }).parse(await plane.admin.call('GET', path))
    try {
      await plane.admin.call('PUT', `${path}/status`, { ...live, status: { ...live.status, ...status } })
      return true
    } catch (error) {
      if (error instanceof Error && error.message.includes(': 409 ')) return undefined
      throw error
    }
  })
}
