import type { Attributes } from '../../../store/resource-store.ts'
import type { ApiScope } from './answer.ts'

/** One operation of a JSON service: its input, and what it answers. Throws CloudError as the service would. */
export type Operation = (input: Attributes, scope: ApiScope) => object | Promise<object>
