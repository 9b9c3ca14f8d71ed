import { randomBytes } from 'node:crypto'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createService } from '@mlp/service-kit/service'
import { readSettings } from '@mlp/service-kit/settings'
import { stringify } from 'yaml'
import { createApiKey } from '../src/authentication/api-keys.ts'
import { gatewayService } from '../src/gateway.ts'
import { gatewaySettings } from '../src/settings.ts'

export interface TestGateway extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** A key that may ask any model. */
  readonly key: string
  /** Of a client that may ask only `iris`. */
  readonly irisKey: string
  readonly folder: string
  request(path: string, init?: RequestInit): Promise<Response>
  infer(
    values: readonly number[],
    init?: { path?: string; headers?: Record<string, string> },
  ): Promise<Response>
  metrics(): Promise<string>
  /** Writes the configuration and waits until it is taken. */
  reconfigure(configuration: object): Promise<void>
}

export interface TestGatewayOptions {
  readonly configuration: object
  readonly clients?: readonly object[]
  readonly settings?: Readonly<Record<string, string>>
}

/** A gateway that listens on this machine, with real files and real HTTP. */
export async function startGateway({
  configuration,
  clients = [],
  settings,
}: TestGatewayOptions): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-'))
  const [all, iris] = [createApiKey(), createApiKey()]
  const keyFile = {
    clients: [
      { name: 'all', scopes: ['infer:*'], keys: [{ id: all.id, sha256: all.sha256 }] },
      { name: 'iris-only', scopes: ['infer:iris'], keys: [{ id: iris.id, sha256: iris.sha256 }] },
      ...clients,
    ],
  }
  await writeAtomically(join(folder, 'gateway.yaml'), stringify(configuration))
  await writeAtomically(join(folder, 'keys.yaml'), stringify(keyFile))
  const service = await createService(
    gatewayService,
    readSettings(gatewaySettings, {
      CONFIG_FILE: join(folder, 'gateway.yaml'),
      API_KEYS_FILE: join(folder, 'keys.yaml'),
      RELOAD_INTERVAL_MS: '100',
      LOG_LEVEL: 'silent',
      ...settings,
    }),
  )
  const url = await service.app.listen({ host: '127.0.0.1', port: 0 })
  const gateway: TestGateway = {
    url,
    port: Number(new URL(url).port),
    key: all.key,
    irisKey: iris.key,
    folder,
    request: (path, init = {}) =>
      fetch(url + path, {
        ...init,
        headers: { 'x-api-key': all.key, ...Object.fromEntries(new Headers(init.headers)) },
      }),
    infer: (data, { path = '/v2/models/iris/infer', headers = {} } = {}) =>
      gateway.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ inputs: [{ name: 'x', shape: [data.length], datatype: 'FP32', data }] }),
      }),
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    async reconfigure(next) {
      const taken = () =>
        gateway
          .metrics()
          .then(text => readMetric(text, 'gateway_reloads_total{file="configuration",result="taken"}'))
      const before = await taken()
      await writeAtomically(join(folder, 'gateway.yaml'), stringify(next))
      while ((await taken()) === before) await new Promise(resolve => setTimeout(resolve, 20))
    },
    async [Symbol.asyncDispose]() {
      await service.close()
      await rm(folder, { recursive: true })
    },
  }
  return gateway
}

/** The value of a metric in the Prometheus text format; 0 when it is not there. */
export function readMetric(text: string, series: string): number {
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return line === undefined ? 0 : Number(line.slice(series.length + 1))
}

export async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`
  await writeFile(temporary, text, { mode: 0o600 })
  await rename(temporary, file)
}
