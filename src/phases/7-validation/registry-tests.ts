import { homeCloud } from '../../config/configured-clouds.ts'
import { shown } from './answers.ts'
import { type CloudBench, servicePods } from './bench.ts'
import { ask, type Question } from './http.ts'
import { testName } from './marks.ts'
import { failed, passed, simulated, skipped } from './outcome.ts'
import type { ValidationTest } from './run-tests.ts'

const modelName = testName('model')
const api = '/api/2.0/mlflow/registered-models'

/** Guide: a model is registered with MLflow, found by its name, and forgotten again. */
export const registryTests: readonly ValidationTest<CloudBench>[] = [
  {
    name: 'mlflow',
    title: 'A model can be registered, and is found by its name',
    async run({ context, client, cloud }, signal) {
      if (homeCloud(context.config) !== cloud) return skipped(`MLflow runs on ${homeCloud(context.config)}`)
      const { pods, simulated: played } = await servicePods(client, 'mlflow')
      const [pod] = pods
      if (pod === undefined || played)
        return simulated('MLflow: nothing runs in its pod; model-from-bucket deploys a model without it')
      return await client.withPodPort({ namespace: 'ml-platform', pod, port: 5000 }, async port => {
        const send = (path: string, json?: unknown) => {
          const question: Question = json === undefined ? { path } : { method: 'POST', path, json }
          return ask({ port }, question, signal)
        }
        // One of a run that was killed.
        await ask({ port }, { method: 'DELETE', path: `${api}/delete`, json: { name: modelName } }, signal)
        const made = await send(`${api}/create`, { name: modelName })
        if (made.status !== 200) return failed('a registered model', shown(made))
        const read = await send(`${api}/get?name=${modelName}`)
        await ask({ port }, { method: 'DELETE', path: `${api}/delete`, json: { name: modelName } }, signal)
        return read.status === 200 && read.text.includes(modelName)
          ? passed(`${modelName} was registered, found and removed`)
          : failed('the model by its name', shown(read))
      })
    },
  },
]
