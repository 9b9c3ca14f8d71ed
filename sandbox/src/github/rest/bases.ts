/** Under which addresses the sandbox's GitHub was asked, so that its answers lead back there. */
export interface Bases {
  /** `https://api.github.com`, or `https://127.0.0.1:PORT/api/v3` as an Enterprise Server has it. */
  readonly api: string
  /** `https://github.com` or `https://127.0.0.1:PORT`. */
  readonly web: string
}

export const publicBases: Bases = { api: 'https://api.github.com', web: 'https://github.com' }

export function loopbackBases(port: number): Bases {
  return { api: `https://127.0.0.1:${port}/api/v3`, web: `https://127.0.0.1:${port}` }
}
