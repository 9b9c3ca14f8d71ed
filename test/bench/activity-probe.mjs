// Loaded by `node --import`: writes, when the process ends, how long its event loop was active.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const folder = process.env.MLP_ACTIVITY_FOLDER
if (folder !== undefined) {
  process.on('exit', () => {
    const activeMs = performance.now() - performance.nodeTiming.idleTime
    writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify({ activeMs }))
  })
}
