import { GoogleAuth } from 'google-auth-library'
import { keyOf, type ObjectBytes, type StoreOptions } from './object.ts'

/** `gs://bucket/object`, over the JSON API (https://cloud.google.com/storage/docs/json_api/v1/objects/get). */
export async function openGcsObject(
  url: URL,
  { endpoint, anonymous }: StoreOptions['gcs'],
): Promise<ObjectBytes> {
  const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/devstorage.read_only'] })
  const token = anonymous ? undefined : await auth.getAccessToken()
  const bucket = encodeURIComponent(url.hostname)
  const response = await fetch(
    `${endpoint}/storage/v1/b/${bucket}/o/${encodeURIComponent(keyOf(url))}?alt=media`,
    {
      headers: token == null ? {} : { authorization: `Bearer ${token}` },
    },
  )
  if (!response.ok || response.body === null)
    throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response.body
}
