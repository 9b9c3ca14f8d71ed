import type { ServiceDefinition } from '@mlp/service-kit/service'
import { SettingsError } from '@mlp/service-kit/settings'
import type { FastifyBaseLogger } from 'fastify'
import manifest from '../package.json' with { type: 'json' }
import { parseApiKeys } from './authentication/api-keys.ts'
import { acceptAnybody, createAuthentication } from './authentication/authenticate.ts'
import { createTokenVerifier, type TokenVerifier } from './authentication/json-web-tokens.ts'
import { type Configuration, parseConfiguration } from './configuration.ts'
import { createGatewayMetrics, type GatewayMetrics } from './metrics.ts'
import { createClientLimits } from './rate-limit/client-limits.ts'
import { createMemoryLimiter, type MemoryLimiter } from './rate-limit/memory-limiter.ts'
import { addRoutes } from './routes.ts'
import { createRoutingTable, type RoutingTable } from './routing/routing-table.ts'
import type { GatewaySettings } from './settings.ts'
import { readText, type WatchedFile, watchFile } from './watched-file.ts'

/** What changes when the configuration file does, all at once. */
interface Configured {
  readonly routes: RoutingTable
  readonly tokens: TokenVerifier
}

export const gatewayService: ServiceDefinition<GatewaySettings> = {
  name: 'api-gateway',
  version: manifest.version,
  api: {
    description:
      'The front door of the ML platform: the Open Inference Protocol v2, with keys, tokens and limits. Model names that are not listed go to the default model server.',
    securitySchemes: {
      apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    },
  },
  http: settings => ({
    requestTimeoutMs: settings.REQUEST_TIMEOUT_MS,
    trustedProxyHops: settings.TRUSTED_PROXY_HOPS,
  }),
  async build({ app, settings, log, metrics: registry }) {
    let configured: Configured | undefined
    const current = (): Configured => {
      if (configured === undefined) throw new Error('asked before the configuration was read')
      return configured
    }
    const metrics = createGatewayMetrics(registry, () =>
      [...current().routes.upstreams.values()].map(({ name, circuit }) => ({ name, state: circuit.state })),
    )
    const configuration = await watch('configuration', settings.CONFIG_FILE, parseConfiguration, next => {
      configured = configure(next, configured)
    })
    configured = configure(configuration.current, undefined)
    const keys =
      settings.API_KEYS_FILE === undefined
        ? undefined
        : await watch('keys', settings.API_KEYS_FILE, parseApiKeys, () => {})
    if (settings.AUTHENTICATION === 'off') log.warn('AUTHENTICATION=off: anybody may ask anything')
    else if (keys === undefined && configuration.current.jwt.length === 0) {
      throw new SettingsError([
        'nobody could sign in: set API_KEYS_FILE, list an issuer under jwt in the configuration, or set AUTHENTICATION=off',
      ])
    }

    const local = createMemoryLimiter()
    const redis =
      settings.REDIS_URL === undefined ? undefined : await openRedis(settings, local, metrics, log)
    const limits = createClientLimits({
      limits: () => current().routes.configuration.rateLimits,
      shared: redis ?? local,
      local,
      metrics,
    })
    addRoutes(app, {
      routes: () => current().routes,
      authenticate:
        settings.AUTHENTICATION === 'off'
          ? acceptAnybody
          : createAuthentication({
              credentials: () => ({ keys: keys?.current, tokens: current().tokens }),
              metrics,
              onFailure: request => limits.takeForAddress(request),
            }),
      limits,
      metrics,
      bodyLimitBytes: settings.BODY_LIMIT_BYTES,
    })
    app.addHook('onClose', async () => {
      configuration[Symbol.dispose]()
      keys?.[Symbol.dispose]()
      redis?.close()
      await Promise.all([...current().routes.upstreams.values()].map(({ pool }) => pool.close()))
    })

    function watch<Content>(
      what: 'configuration' | 'keys',
      path: string,
      parse: (text: string, file: string) => Content,
      onChange: (content: Content) => void,
    ): Promise<WatchedFile<Content>> {
      return watchFile({
        path,
        everyMs: settings.RELOAD_INTERVAL_MS,
        parse: text => parse(text, path),
        onChange(content) {
          onChange(content)
          log.info({ path }, `${what} reloaded`)
          metrics.countReload(what, 'taken')
        },
        onError(error) {
          log.error({ err: error, path }, `${what} not reloaded: the last valid one stays`)
          metrics.countReload(what, 'refused')
        },
      })
    }
  },
}

function configure(configuration: Configuration, previous: Configured | undefined): Configured {
  const before = previous?.routes.configuration
  const sameIssuers = JSON.stringify(before?.jwt) === JSON.stringify(configuration.jwt)
  return {
    routes: createRoutingTable(configuration, previous?.routes),
    tokens: previous !== undefined && sameIssuers ? previous.tokens : createTokenVerifier(configuration.jwt),
  }
}

async function openRedis(
  settings: GatewaySettings,
  fallback: MemoryLimiter,
  metrics: GatewayMetrics,
  log: FastifyBaseLogger,
) {
  const { openRedisLimiter } = await import('./rate-limit/redis-limiter.ts')
  const { redisLogin } = await import('./rate-limit/redis-credentials.ts')
  const { REDIS_URL: url = '', REDIS_MODE: mode, REDIS_CA_FILE: caFile } = settings
  return openRedisLimiter({
    url,
    mode,
    ca: caFile === undefined ? undefined : await readText(caFile),
    login: redisLogin(settings, process.env),
    fallback,
    log,
    onFallback: () => metrics.countLimiterFallback(),
  })
}
