import type { Config } from '../../config/schema.ts'
import type { JsonObject } from '../../engine/json.ts'
import { fleetSecret } from './names.ts'
import type { SecretKey } from './receivers.ts'

const usernameKey = 'username'
/** A password where there is a user name, else a bearer token. */
const secretKey = 'secret'
/** Part of what Prometheus says of it (`remote_name`). */
export const fleetName = 'fleet'

type Monitored = Pick<Config, 'monitoring'>

/**
 * Where the view over all clusters is: each Prometheus sends what it has to one place, which it calls by itself, so that no
 * door into a cluster is opened. Its own labels (`cluster`, `cloud`, `environment`) tell there whose each series is.
 */
export function remoteWriteValues({ monitoring }: Monitored): JsonObject {
  const fleet = monitoring?.fleet
  if (fleet === undefined) return {}
  const from = (key: string): JsonObject => ({ name: fleetSecret, key })
  const credentials: JsonObject =
    fleet.secret === undefined
      ? {}
      : fleet.username === undefined
        ? { authorization: { type: 'Bearer', credentials: from(secretKey) } }
        : { basicAuth: { username: from(usernameKey), password: from(secretKey) } }
  return { remoteWrite: [{ name: fleetName, url: fleet.url, ...credentials }] }
}

/** What the Secret holds beside the secret itself: the operator takes a user name from nowhere else. */
export function fleetSecretFacts({ monitoring }: Monitored): Readonly<Record<string, string>> {
  const username = monitoring?.fleet?.username
  return username === undefined ? {} : { [usernameKey]: username }
}

export function fleetKeys({ monitoring }: Monitored): readonly SecretKey[] {
  const variable = monitoring?.fleet?.secret
  return variable === undefined ? [] : [{ key: secretKey, variable, of: 'monitoring.fleet' }]
}
