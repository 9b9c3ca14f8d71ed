import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Hub } from '../hub.ts'
import type { Answer, Call } from './call.ts'

const linkSeconds = 60

/** A link that is good without a token, for a minute. */
export function link(call: Call, path: string): Answer {
  const expires = Math.floor(Date.now() / 1000) + linkSeconds
  return {
    status: 302,
    body: '',
    headers: { location: `${call.bases.web}${path}?se=${expires}&sig=${signature(call.hub, path, expires)}` },
  }
}

/** Logs by the links that the API gives: false when the path is none of them. */
export function answerFile(url: URL, response: ServerResponse, hub: Hub): boolean {
  const found = /^\/_logs\/(\d+(?:\/\d+)?\.(?:txt|zip))$/.exec(url.pathname)
  if (found === null) return false
  const expires = Number(url.searchParams.get('se'))
  if (
    !(expires * 1000 > Date.now()) ||
    url.searchParams.get('sig') !== signature(hub, url.pathname, expires)
  ) {
    response
      .writeHead(403, { 'content-type': 'text/plain' })
      .end('Server failed to authenticate the request.\n')
    return true
  }
  const file = join(hub.folder, 'logs', found[1] ?? '')
  if (!existsSync(file)) response.writeHead(404).end()
  else {
    response.writeHead(200, {
      'content-type': file.endsWith('.zip') ? 'application/zip' : 'text/plain; charset=utf-8',
    })
    createReadStream(file).pipe(response)
  }
  return true
}

/** A part of a link that only the sandbox can have made, and that is good for a while. */
function signature(hub: Hub, path: string, expires: number): string {
  return createHash('sha256')
    .update(`${hub.world.secrets.tokenSigningKeyPem}:github:${path}:${expires}`)
    .digest('base64url')
}
