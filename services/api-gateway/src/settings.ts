import { sharedSettings, wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'
import { isConfidential } from './configuration.ts'

const path = z.string().startsWith('/', 'expected an absolute path')

/** What is set by environment variables. Routes, limits and issuers are in the configuration file, which can change. */
export const gatewaySettings = sharedSettings(8000)
  .extend({
    CONFIG_FILE: path.default('/etc/api-gateway/gateway.yaml'),
    /** Clients and the hashes of their keys. Without it only tokens are accepted. */
    API_KEYS_FILE: path.optional(),
    /** `off` lets anybody ask anything. */
    AUTHENTICATION: z.enum(['on', 'off']).default('on'),
    RELOAD_INTERVAL_MS: wholeNumber(100, 3_600_000).default(5000),
    BODY_LIMIT_BYTES: wholeNumber(1, 1 << 30).default(64 << 20),
    /** For a whole request to arrive. */
    REQUEST_TIMEOUT_MS: wholeNumber(1000, 3_600_000).default(120_000),
    /** Proxies in front whose `x-forwarded-for` is believed: 0 when clients connect directly, 1 behind a mesh. */
    TRUSTED_PROXY_HOPS: wholeNumber(0, 10).default(0),

    /** Rate limits for all replicas together. Without it each replica counts for itself. */
    REDIS_URL: z
      .url({ protocol: /^rediss?$/ })
      .refine(url => URL.canParse(url) && new URL(url).password === '', 'expected no password in it')
      .optional(),
    REDIS_MODE: z.enum(['standalone', 'cluster']).default('standalone'),
    /** How to sign in: a password in a file, or the pod's identity in its cloud. */
    REDIS_AUTHENTICATION: z.enum(['none', 'password', 'aws', 'google', 'azure']).default('none'),
    /** aws: the cache user; azure: the object id of the identity. */
    REDIS_USERNAME: z.string().min(1).default('default'),
    REDIS_PASSWORD_FILE: path.optional(),
    /** PEM of further certificate authorities, beside the system's. */
    REDIS_CA_FILE: path.optional(),
    /** aws: the replication group's id. */
    REDIS_CACHE_NAME: z.string().min(1).optional(),
    AWS_REGION: z.string().min(1).optional(),
  })
  .superRefine((settings, context) => {
    const required = (name: keyof typeof settings, why: string) => {
      if (settings[name] === undefined)
        context.addIssue({ code: 'custom', path: [name], message: `is required ${why}` })
    }
    if (settings.REDIS_URL?.startsWith('redis:') === true && !isConfidential(settings.REDIS_URL)) {
      context.addIssue({
        code: 'custom',
        path: ['REDIS_URL'],
        message: 'expected rediss:// (TLS), except for a Redis on this machine',
      })
    }
    if (settings.REDIS_AUTHENTICATION === 'password') required('REDIS_PASSWORD_FILE', 'for password')
    if (settings.REDIS_AUTHENTICATION === 'aws') {
      required('REDIS_CACHE_NAME', 'for aws')
      required('AWS_REGION', 'for aws')
    }
  })
export type GatewaySettings = z.output<typeof gatewaySettings>
