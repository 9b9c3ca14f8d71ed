// All at once, and gone again.
import { handleSummary, infer, planned } from './platform.js'

export const options = planned([
  { share: 0.1, duration: '30s' },
  { share: 1, duration: '5s' },
  { share: 1, duration: '1m' },
  { share: 0.1, duration: '5s' },
  { share: 0.1, duration: '1m' },
])
export default infer
export { handleSummary }
