// Ever more, past what the autoscalers allow: where does it give way?
import { handleSummary, infer, planned } from './platform.js'

export const options = planned([
  { share: 0.33, duration: '2m' },
  { share: 0.67, duration: '2m' },
  { share: 1, duration: '3m' },
  { share: 0, duration: '1m' },
])
export default infer
export { handleSummary }
