// Long, and below the limit: what leaks shows.
import { handleSummary, infer, planned } from './platform.js'

export const options = planned([
  { share: 1, duration: '2m' },
  { share: 1, duration: '30m' },
  { share: 0, duration: '1m' },
])
export default infer
export { handleSummary }
