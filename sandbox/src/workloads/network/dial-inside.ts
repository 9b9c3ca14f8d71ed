import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** A connection to a pod's own localhost, by a process that `nsenterArguments` put into the pod's network namespace. */
export function dialInside(nsenterArguments: readonly string[], port: number): Promise<Duplex> {
  const script = fileURLToPath(new URL('dial-process.ts', import.meta.url))
  const child = spawn(
    '/usr/bin/nsenter',
    [...nsenterArguments, process.execPath, '--max-old-space-size=16', script, String(port)],
    { stdio: ['pipe', 'pipe', 'pipe'], env: {} },
  )
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.stdin.on('error', () => child.kill())
    child.on('error', reject)
    child.on('close', () => reject(new Error(said || `nothing answers at port ${port}`)))
    child.stdout.once('readable', () => {
      const first: unknown = child.stdout.read(1)
      if (first === null) return
      const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin })
      duplex.on('close', () => child.kill())
      resolve(duplex)
    })
  })
}
