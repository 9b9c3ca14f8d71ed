// Does it answer at all, and within its objectives? Harmless anywhere, prod too.
import { handleSummary, infer, planned } from './platform.js'

export const options = planned([
  { share: 1, duration: '3s' },
  { share: 1, duration: '12s' },
])
export default infer
export { handleSummary }
