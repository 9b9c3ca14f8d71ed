/** The sandbox's daemon as `sandbox/src/main.ts` starts it, with every API call recorded: HOME and a file. */
import { join } from 'node:path'
import * as z from 'zod'
import { sandboxCode } from '../../../src/cli/sandbox-code.ts'
import { simulatedClouds } from '../../src/clouds/index.ts'
import { startDaemon } from '../../src/daemon.ts'
import { openLog } from '../../src/log.ts'
import { openPrograms } from '../../src/programs.ts'
import { recorded } from './recording.ts'

const [home, file] = z.tuple([z.string().startsWith('/'), z.string()]).parse(process.argv.slice(2))
await startDaemon({
  home,
  code: sandboxCode(),
  clouds: simulatedClouds.map(cloud => recorded(cloud, file)),
  programs: openPrograms(process.env, openLog(join(home, 'log', 'daemon.log'))),
  environment: process.env,
  onStopped: () => process.exit(0),
})
