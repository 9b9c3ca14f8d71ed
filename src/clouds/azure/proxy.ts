import type { AzurePlatform } from './platform.ts'

/** For the SDK's pipeline: the target's proxy, through which hosts with fixed names (blobs, registries) are reached. */
export function proxyOptions({ options }: AzurePlatform) {
  const proxy = options.target.environment['HTTPS_PROXY'] || undefined
  if (proxy === undefined) return {}
  const { protocol, hostname, port, username, password } = new URL(proxy)
  return {
    proxyOptions: {
      host: `${protocol}//${hostname}`,
      port: Number(port),
      ...(username === '' ? {} : { username, password }),
    },
  }
}
