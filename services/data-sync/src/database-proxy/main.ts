import { readSettings, SettingsError } from '@mlp/service-kit/settings'
import { openProxy } from './proxy.ts'
import { proxySettings } from './settings.ts'

// A sidecar: gives the other containers of its pod a PostgreSQL on loopback that they enter as the pod's identity.

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

try {
  const settings = readSettings(proxySettings, process.env)
  const server = await openProxy(settings, error =>
    say({ level: 'warn', msg: 'a client was not let in', err: error instanceof Error ? error.message : '' }),
  )
  say({ level: 'info', msg: 'listening', port: settings.PORT })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      // Connections that are open end with the program they belong to, which stops before its sidecars.
      server.close(() => process.exit(0))
    })
  }
} catch (error) {
  process.stderr.write(`database-proxy: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof SettingsError ? 2 : 1
}
