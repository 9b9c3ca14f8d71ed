// A busy day: what the replicas that run are there for.
import { handleSummary, infer, planned } from './platform.js'

export const options = planned([
  { share: 1, duration: '2m' },
  { share: 1, duration: '5m' },
  { share: 0, duration: '1m' },
])
export default infer
export { handleSummary }
