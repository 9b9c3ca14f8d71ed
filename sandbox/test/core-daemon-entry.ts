/** A daemon as a process of its own, with the test cloud: `node core-daemon-entry.ts HOME`. */
import * as z from 'zod'
import { startDaemon } from '../src/daemon.ts'
import { openPrograms } from '../src/programs.ts'
import { testCloud } from './core-test-cloud.ts'

const [home] = z.tuple([z.string()]).parse(process.argv.slice(2))

const daemon = await startDaemon({
  home,
  code: 'test',
  clouds: [testCloud],
  programs: openPrograms(process.env, () => undefined),
  environment: process.env,
  onStopped: () => process.exit(0),
})
if (daemon === undefined) process.exit(0)
process.on('SIGTERM', () => void daemon.stop().then(() => process.exit(0)))
