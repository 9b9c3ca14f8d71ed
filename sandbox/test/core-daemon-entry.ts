/** A daemon as a process of its own, with the test cloud: `node core-daemon-entry.ts HOME PROGRAMS_JSON`. */
import * as z from 'zod'
import { startDaemon } from '../src/daemon.ts'
import { testCloud } from './core-test-cloud.ts'

const [home, programs] = z.tuple([z.string(), z.string()]).parse(process.argv.slice(2))
const files = z.record(z.string(), z.string()).parse(JSON.parse(programs))

const daemon = await startDaemon({
  home,
  clouds: [testCloud],
  findProgram: async tool => {
    const file = files[tool]
    if (file === undefined) throw new Error(`this test has no ${tool}`)
    return file
  },
  environment: process.env,
  onStopped: () => process.exit(0),
})
if (daemon === undefined) process.exit(0)
process.on('SIGTERM', () => void daemon.stop().then(() => process.exit(0)))
