import type { ServiceDefinition } from '@mlp/service-kit/service'
import packageJson from '../package.json' with { type: 'json' }
import { startGrpcServer } from './grpc/server.ts'
import { addInferRoutes } from './http/infer.ts'
import { addMetadataRoutes } from './http/metadata.ts'
import { addRepositoryRoutes } from './http/repository.ts'
import { createInferenceMetrics } from './metrics.ts'
import { createModelStore } from './repository/model-store.ts'
import { readWanted } from './repository/wanted.ts'
import { type Settings, storeOptions } from './settings.ts'

const name = 'model-serving'

export const modelServing: ServiceDefinition<Settings> = {
  name,
  version: packageJson.version,
  api: {
    description:
      'ONNX models over the Open Inference Protocol, version 2, with its binary tensor and repository extensions.',
    securitySchemes: { repository: { type: 'http', scheme: 'bearer', description: 'REPOSITORY_TOKEN' } },
  },
  async build({ app, settings, log, metrics, draining, addReadinessCheck }) {
    const inferenceMetrics = createInferenceMetrics(metrics)
    const repository = {
      catalogue: settings.MODELS,
      cacheFolder: settings.CACHE_DIR,
      stores: storeOptions(settings),
      mlflow: { trackingUri: settings.MLFLOW_TRACKING_URI, token: settings.MLFLOW_TRACKING_TOKEN },
      processors: settings.PROCESSORS,
      onBatch: inferenceMetrics.onBatch,
    }
    const store = createModelStore(() => readWanted(repository), {
      loaded: ({ name, version, sha256, model: { thread, isWarm } }) =>
        log.info({ model: name, modelVersion: version, sha256, thread, isWarm }, 'model loaded'),
      failed: ({ name, version }, error) =>
        log.error({ model: name, modelVersion: version, err: error }, 'model failed to load'),
      unloaded: ({ name, version }) => log.info({ model: name, modelVersion: version }, 'model unloaded'),
    })
    inferenceMetrics.watch(store)
    addReadinessCheck({ name: 'models', check: () => store.missing() })

    addInferRoutes(app, store, inferenceMetrics, settings.MAX_BODY_BYTES)
    addMetadataRoutes(app, store, { name, version: packageJson.version })
    addRepositoryRoutes(app, store, settings.REPOSITORY_TOKEN)

    const grpc = await startGrpcServer(store, inferenceMetrics, {
      host: settings.HOST,
      port: settings.GRPC_PORT,
      maxMessageBytes: settings.MAX_BODY_BYTES,
      onFailure: error => log.error({ err: error }, 'gRPC call failed'),
      server: { name, version: packageJson.version },
    })
    log.info({ port: grpc.port }, 'gRPC listens')

    // The server listens while models load: /ready says when they are there.
    const refresh = () =>
      store.reconcile().catch((error: unknown) => log.error({ err: error }, 'the catalogue cannot be read'))
    void refresh()
    const timer =
      settings.REFRESH_SECONDS > 0 ? setInterval(refresh, settings.REFRESH_SECONDS * 1000) : undefined
    draining.addEventListener('abort', () => clearInterval(timer), { once: true })
    app.addHook('onClose', async () => {
      clearInterval(timer)
      await grpc.close()
      await store.close()
    })
  },
}
