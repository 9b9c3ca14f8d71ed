/** A JWT's header or claims as the token says them, verified by nobody; undefined where it is no JSON. */
export function jwtPart(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
