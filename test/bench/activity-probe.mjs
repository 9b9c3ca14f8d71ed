// Loaded by `node --import`: writes, when the process ends, how long its event loop was active, and every span in which
// it waited for something outside of it: a child process until its output ended, a request until its answer did.
// Nothing else counts as waiting: no timer, no file.
import diagnostics from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const folder = process.env.MLP_ACTIVITY_FOLDER
if (folder !== undefined) {
  const spans = []
  const open = new Map()
  const begin = (key, where) => open.set(key, { fromMs: performance.now(), where })
  const end = key => {
    const span = open.get(key)
    if (span === undefined) return
    open.delete(key)
    spans.push({ ...span, where: span.where(), toMs: performance.now() })
  }

  diagnostics.subscribe('child_process', ({ process: child }) => {
    begin(child, () => child.spawnargs.join(' '))
    child.once('close', () => end(child))
    child.once('error', () => end(child))
  })
  diagnostics.subscribe('http.client.request.start', ({ request }) => {
    const at = () => request.socketPath ?? `${request.host}:${request.socket?.remotePort}`
    begin(request, () => `${at()} ${request.path}`)
    request.once('response', response => response.once('close', () => end(request)))
    request.once('close', () => end(request))
  })
  diagnostics.subscribe('undici:request:create', ({ request }) =>
    begin(request, () => `${new URL(request.origin).host} ${request.path}`),
  )
  for (const name of ['undici:request:trailers', 'undici:request:error'])
    diagnostics.subscribe(name, ({ request }) => end(request))

  process.on('exit', () => {
    const wallMs = performance.now()
    const activeMs = wallMs - performance.nodeTiming.idleTime
    for (const key of [...open.keys()]) end(key)
    const { user, system } = process.cpuUsage()
    const record = { activeMs, cpuMs: (user + system) / 1000, spans }
    writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(record))
  })
}
