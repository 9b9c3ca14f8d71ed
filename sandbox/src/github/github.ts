import type { Server } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { KeyPair } from '../kubernetes/pki.ts'
import type { World } from '../world.ts'
import { openActions } from './actions/engine.ts'
import type { Hub } from './hub.ts'
import { openHubListener } from './listener.ts'
import { openRecords } from './records.ts'
import { loopbackBases } from './rest/bases.ts'
import { type GithubTokenRequest, issueToken, operatorToken } from './tokens.ts'

export interface GithubOptions {
  readonly world: World
  readonly port: number
  readonly certificate: KeyPair
  readonly authority: KeyPair
  /** What every tool of the sandbox is told: authorities, terraform's providers. */
  toolEnvironment(): Readonly<Record<string, string>>
}

export interface Github {
  readonly server: Server
  accept(host: string, client: Duplex): boolean
  issueToken(asked: GithubTokenRequest): object
  /** Starts what has a schedule. */
  runSchedules(repository: string): Promise<object>
  /** What `mlp sandbox env` exports for git, gh and Octokit. */
  environment(): Readonly<Record<string, string>>
  /** What src/ gets in its target. */
  target(): object
  /** Whether jobs run now. */
  busy(): boolean
  describe(): { readonly real: readonly string[]; readonly simulated: readonly string[] }
  /** Ends what runs. */
  close(): Promise<void>
}

/** A GitHub with one API, git behind it, and a runner for its workflows. */
export async function openGithub(options: GithubOptions): Promise<Github> {
  const { world, port } = options
  const records = openRecords(world.store)
  const folder = join(world.home, 'github')
  const bases = loopbackBases(port)
  const actions = await openActions({
    world,
    records,
    folder,
    bases,
    toolEnvironment: options.toolEnvironment,
  })
  const hub: Hub = { world, records, folder, actions }
  const { server, accept } = await openHubListener(hub, port, options.certificate, options.authority)
  const environment = () => ({
    GH_TOKEN: operatorToken(world),
    GITHUB_API_URL: bases.api,
    GITHUB_SERVER_URL: bases.web,
    // git reads no other variable for this.
    GIT_SSL_CAINFO: world.caFile,
  })
  return {
    server,
    accept,
    issueToken(asked) {
      const { scopes, ...others } = asked
      const kind = scopes === undefined ? ('fine-grained' as const) : ('classic' as const)
      return { token: issueToken(records, { ...others, kind, scopes: scopes ?? [], jobId: null }) }
    },
    runSchedules: repository => actions.runSchedules(repository),
    environment,
    target: () => ({ apiUrl: bases.api, webUrl: bases.web, environment: environment() }),
    describe: () => ({
      real: [
        'repositories of GitHub: git over smart HTTP by git http-backend; the steps of workflows, as processes',
      ],
      simulated: [
        `GitHub on ${bases.web}: its REST API, its tokens and its runner, with a handful of actions of the sandbox's own in place of the published ones`,
      ],
    }),
    busy: () => actions.busy() > 0,
    close: () => actions.close(),
  }
}
