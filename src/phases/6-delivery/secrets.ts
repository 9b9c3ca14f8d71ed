import { MlpError } from '../../engine/errors.ts'
import type { Opened } from './repository.ts'

export async function secretNames({ github, at }: Opened, environment: string): Promise<readonly string[]> {
  const found = await github.find('listing secrets', octokit =>
    octokit.request('GET /repos/{owner}/{repo}/environments/{environment_name}/secrets', {
      ...at,
      environment_name: environment,
      per_page: 100,
    }),
  )
  return found?.secrets.map(({ name }) => name) ?? []
}

/** Sealed with the environment's public key: GitHub alone can open it. */
export async function setSecret(
  { github, at }: Opened,
  environment: string,
  name: string,
  value: string,
): Promise<void> {
  const where = { ...at, environment_name: environment }
  const key = await github.ask('reading the public key', octokit =>
    octokit.request('GET /repos/{owner}/{repo}/environments/{environment_name}/secrets/public-key', where),
  )
  const encrypted = await seal(value, key.key)
  await github.ask(`setting the secret ${name}`, octokit =>
    octokit.request('PUT /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}', {
      ...where,
      secret_name: name,
      encrypted_value: encrypted,
      key_id: key.key_id,
    }),
  )
}

export async function removeSecret({ github, at }: Opened, environment: string, name: string): Promise<void> {
  await github.find(`removing the secret ${name}`, octokit =>
    octokit.request('DELETE /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}', {
      ...at,
      environment_name: environment,
      secret_name: name,
    }),
  )
}

/** https://docs.github.com/rest/guides/encrypting-secrets-for-the-rest-api */
async function seal(value: string, publicKey: string): Promise<string> {
  const { default: sodium } = await import('libsodium-wrappers')
  await sodium.ready
  const sealed = sodium.crypto_box_seal(
    sodium.from_string(value),
    sodium.from_base64(publicKey, sodium.base64_variants.ORIGINAL),
  )
  return sodium.to_base64(sealed, sodium.base64_variants.ORIGINAL)
}

/** From the environment of whoever runs mlp, which is the only place that has it. */
export function secretValue(name: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  throw new MlpError({
    code: 'MLP5309',
    summary: `The pipeline needs the secret ${name}, which is not known`,
    detail: `delivery.credentials is keys; ${name} is neither in this environment nor on GitHub.`,
    remedy: [
      `Set ${name} and run the same command again. Later runs do not need it.`,
      'Or set delivery.credentials: workload-identity in mlp.yaml, which needs no keys.',
    ],
  })
}
