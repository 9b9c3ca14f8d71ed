import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '@mlp/service-kit/testing'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  freePort,
  infer,
  post,
  problemOf,
  startServing,
  temporaryFolder,
  testModel,
  writeCatalogue,
} from './support.ts'

// `pip install mlflow` puts it on the PATH.
const isMissing = spawnSync('mlflow', ['--version']).status !== 0
const skipped = isMissing ? ' (skipped: there is no mlflow on the PATH)' : ''
const token = 'a-token-for-the-tests'

/** A tracking server with its registry in SQLite and its artifacts in a folder. */
async function startMlflow(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort()
  const child: ChildProcess = spawn(
    'mlflow',
    [
      'server',
      ...['--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`],
      ...['--artifacts-destination', join(folder, 'artifacts'), '--serve-artifacts'],
    ],
    { stdio: 'ignore', detached: true },
  )
  const url = `http://127.0.0.1:${port}`
  const exited = once(child, 'exit')
  await eventually(
    'MLflow',
    async () => (await fetch(`${url}/health`).catch(() => undefined))?.ok === true,
    240_000,
  )
  return {
    url,
    async [Symbol.asyncDispose]() {
      // Its workers are in the group that it leads.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
      await exited
    },
  }
}

const runSchema = z.object({
  run: z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) }),
})
const loggedSchema = z.object({
  model: z.object({ info: z.object({ model_id: z.string(), artifact_uri: z.string() }) }),
})

test.skipIf(isMissing)(
  `models are found in MLflow's registry by version and by alias, and follow the alias${skipped}`,
  async () => {
    await using folder = await temporaryFolder()
    await using mlflow = await startMlflow(folder.path)
    const ask = async (method: string, path: string, body: unknown): Promise<unknown> => {
      const response = await fetch(`${mlflow.url}/api/2.0/${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        body: Buffer.isBuffer(body) ? body : JSON.stringify(body),
      })
      const text = await response.text()
      expect(response.status, text).toBe(200)
      return text === '' ? {} : JSON.parse(text)
    }
    const model = await readFile(fileURLToPath(testModel('same-fp32')))
    await ask('POST', 'mlflow/registered-models/create', { name: 'same model' })
    // Version 1 is a run's artifact; version 2 a logged model, as MLflow's libraries have made them since 3.0.
    const { run } = runSchema.parse(await ask('POST', 'mlflow/runs/create', { experiment_id: '0' }))
    const logged = loggedSchema.parse(await ask('POST', 'mlflow/logged-models', { experiment_id: '0' })).model
      .info
    const upload = (folder: string) =>
      ask('PUT', `mlflow-artifacts/artifacts${new URL(folder).pathname}/model.onnx`, model)
    await upload(`${run.info.artifact_uri}/model`)
    await upload(logged.artifact_uri)
    for (const origin of [
      { source: `${run.info.artifact_uri}/model`, run_id: run.info.run_id },
      { source: `models:/${logged.model_id}`, model_id: logged.model_id },
    ]) {
      await ask('POST', 'mlflow/model-versions/create', { name: 'same model', ...origin })
    }
    const point = (version: string) =>
      ask('POST', 'mlflow/registered-models/alias', { name: 'same model', alias: 'champion', version })
    await point('1')

    const versions = [{ source: 'models:/same model@champion' }, { source: 'models:/same model/2' }]
    await using serving = await startServing({
      MODELS: await writeCatalogue(folder.path, [{ name: 'same', thread: 'main', versions }]),
      CACHE_DIR: join(folder.path, 'cache'),
      MLFLOW_TRACKING_URI: mlflow.url,
      REPOSITORY_TOKEN: token,
    })
    const request = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }
    const served = async (path: string) => (await infer(serving.url, path, request)).model_version
    expect(await served('same/versions/champion')).toBe('1')
    expect(await served('same/versions/2')).toBe('2')

    await point('2')
    const load = () =>
      post(`${serving.url}/v2/repository/models/same/load`, '{}', { authorization: `Bearer ${token}` })
    expect((await load()).status).toBe(200)
    expect(await served('same/versions/champion')).toBe('2')
    expect((await problemOf(await post(`${serving.url}/v2/models/same/versions/1/infer`, '{}'))).status).toBe(
      404,
    )

    // The registry can no longer say what is wanted: what is served stays.
    await ask('DELETE', 'mlflow/registered-models/alias', { name: 'same model', alias: 'champion' })
    await load()
    expect(await served('same/versions/champion')).toBe('2')
  },
  600_000,
)
