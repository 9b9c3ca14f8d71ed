import * as z from 'zod'
import type { ObjectBytes } from './stores/object.ts'

export interface MlflowOptions {
  /** The tracking server; undefined if there is none. */
  readonly trackingUri: string | undefined
  readonly token: string | undefined
}

/** A version in MLflow's registry. */
interface RegisteredVersion {
  readonly version: string
  /** By which it was asked for. */
  readonly alias: string | undefined
  /** Folder of its files: `mlflow-artifacts:` is the tracking server's own store, which `openArtifact` reads. */
  readonly folder: URL
  /** What the tag `sha256` says of its ONNX file. */
  readonly sha256: string | undefined
}

const versionSchema = z.object({
  model_version: z.object({
    version: z.string(),
    tags: z.array(z.object({ key: z.string(), value: z.string() })).default([]),
  }),
})

/**
 * Finds `models:/name/version` or `models:/name@alias` by MLflow's REST API (https://mlflow.org/docs/latest/rest-api.html).
 * Throws if the registry does not answer, or has no such version.
 */
export async function resolveRegistered(source: string, options: MlflowOptions): Promise<RegisteredVersion> {
  const [, name, separator, label] = /^models:\/([^/@]+)([/@])([^/@]+)$/.exec(source) ?? []
  if (name === undefined || label === undefined) {
    throw new Error(`${source} is neither models:/name/version nor models:/name@alias`)
  }
  const found =
    separator === '@'
      ? await ask(options, 'registered-models/alias', { name, alias: label }, versionSchema)
      : await ask(options, 'model-versions/get', { name, version: label }, versionSchema)
  const { version, tags } = found.model_version
  const uri = z.object({ artifact_uri: z.string() })
  const { artifact_uri } = await ask(options, 'model-versions/get-download-uri', { name, version }, uri)
  return {
    version,
    alias: separator === '@' ? label : undefined,
    folder: await folderOf(artifact_uri, options),
    sha256: tags.find(({ key }) => key === 'sha256')?.value,
  }
}

/** Where a registered version's files are, as a URL that ends in a slash. */
async function folderOf(artifactUri: string, options: MlflowOptions): Promise<URL> {
  // Since MLflow 3 a version may be a logged model, which knows its own folder: models:/m-...
  const [, loggedModel] = /^models:\/(m-[^/]+)$/.exec(artifactUri) ?? []
  if (loggedModel !== undefined) {
    const schema = z.object({ model: z.object({ info: z.object({ artifact_uri: z.string() }) }) })
    const { model } = await ask(options, `logged-models/${encodeURIComponent(loggedModel)}`, {}, schema)
    return folderOf(model.info.artifact_uri, options)
  }
  const [, container, account, path] =
    /^(?:wasbs|abfss):\/\/([^@]+)@([^.]+)\.[^/]+\/(.*)$/.exec(artifactUri) ?? []
  const url = new URL(container === undefined ? artifactUri : `az://${account}/${container}/${path}`)
  if (!['mlflow-artifacts:', 's3:', 'gs:', 'az:'].includes(url.protocol)) {
    throw new Error(`MLflow keeps the model at ${url.protocol}, which only its own machine can read`)
  }
  url.pathname = `${url.pathname.replace(/\/$/, '')}/`
  return url
}

/** The bytes of an `mlflow-artifacts:` URL, through the tracking server. */
export async function openArtifact(url: URL, options: MlflowOptions): Promise<ObjectBytes> {
  const path = url.pathname.replace(/^\//, '')
  const response = await call(options, `api/2.0/mlflow-artifacts/artifacts/${path}`)
  if (response.body === null) throw new Error(`${url} has no body`)
  return response.body
}

async function ask<Schema extends z.ZodType>(
  options: MlflowOptions,
  path: string,
  query: Readonly<Record<string, string>>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const response = await call(options, `api/2.0/mlflow/${path}?${new URLSearchParams(query)}`)
  return schema.parse(await response.json())
}

async function call({ trackingUri, token }: MlflowOptions, path: string): Promise<Response> {
  if (trackingUri === undefined)
    throw new Error('MLFLOW_TRACKING_URI is not set, so models:/ cannot be found')
  const response = await fetch(`${trackingUri.replace(/\/$/, '')}/${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    // A redirect could take the token elsewhere.
    redirect: 'error',
  })
  if (response.ok) return response
  const text = (await response.text()).slice(0, 300)
  throw new Error(`MLflow answered ${response.status} to ${path.split('?', 1)[0]}: ${text}`)
}
