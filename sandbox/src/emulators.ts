import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { SandboxHome } from './home.ts'
import type { ProcessSpec } from './kubernetes/process-supervisor.ts'
import { listens } from './processes/listens.ts'
import type { Supervisor } from './processes/supervisor.ts'
import type { Programs } from './programs.ts'

export const emulatorNames = ['s3', 'gcs', 'blob'] as const
export type EmulatorName = (typeof emulatorNames)[number]

/** Generous: engines may be building on every processor. */
const readyTimeoutMs = 120_000
const pollMs = 50

/** Starts one object store's data plane, or adopts it, and waits until it listens. */
export async function startEmulator(
  name: EmulatorName,
  home: SandboxHome,
  programs: Programs,
  processes: Supervisor,
): Promise<void> {
  await processes.ensure(await specification(name, home, programs), home.ports[name])
  await untilListening(home.ports[name], name)
}

export function emulatorProcessName(name: EmulatorName): string {
  return `emulators/${name}`
}

async function specification(
  name: EmulatorName,
  home: SandboxHome,
  programs: Programs,
): Promise<ProcessSpec> {
  const cwd = join(home.folder, 'emulators', name)
  const data = join(cwd, 'data')
  await mkdir(data, { recursive: true, mode: 0o700 })
  const address = `127.0.0.1:${home.ports[name]}`
  const common = {
    name: emulatorProcessName(name),
    cwd,
    logFile: join(home.folder, 'log', `${name}.log`),
  }
  switch (name) {
    case 's3':
      return {
        ...common,
        file: await programs.find('versitygw'),
        args: ['--port', address, '--quiet', '--keep-alive', 'posix', data],
        // The root user's keys are read from the environment, so that no process list shows them.
        env: {
          ROOT_ACCESS_KEY: home.secrets.awsAccessKeyId,
          ROOT_SECRET_KEY: home.secrets.awsSecretAccessKey,
          GOMEMLIMIT: '96MiB',
        },
      }
    case 'gcs':
      return {
        ...common,
        file: await programs.find('fake-gcs-server'),
        args: [
          ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(home.ports.gcs)],
          ...[
            '-public-host',
            `127.0.0.1:${home.ports.gcp}`,
            '-external-url',
            `https://127.0.0.1:${home.ports.gcp}`,
          ],
          ...['-backend', 'filesystem', '-filesystem-root', data, '-log-level', 'warn'],
        ],
        env: { GOMEMLIMIT: '96MiB' },
      }
    case 'blob': {
      const [certificate, key] = [join(cwd, 'certificate.pem'), join(cwd, 'key.pem')]
      await writeFile(certificate, home.blob.certificatePem, { mode: 0o600 })
      await writeFile(key, home.blob.keyPem, { mode: 0o600 })
      return {
        ...common,
        file: process.execPath,
        args: [
          ...[fileURLToPath(new URL('processes/azurite-runner.ts', import.meta.url))],
          ...['--blobHost', '127.0.0.1', '--blobPort', String(home.ports.blob), '--location', data],
          ...['--cert', certificate, '--key', key, '--oauth', 'basic'],
          ...['--skipApiVersionCheck', '--silent', '--disableTelemetry'],
        ],
        env: {
          MLP_STORAGE_KEY: home.secrets.azureStorageAccountKey,
          NODE_OPTIONS: '--max-old-space-size=192',
        },
      }
    }
  }
}

async function untilListening(port: number, name: EmulatorName): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs
  while (!(await listens(port))) {
    if (Date.now() > deadline) throw new Error(`the object store ${name} does not listen on port ${port}`)
    await delay(pollMs)
  }
}
