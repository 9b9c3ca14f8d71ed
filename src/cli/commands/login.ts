import type { Cloud, CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import { type ExitCode, exitCodes, MlpError } from '../../engine/errors.ts'
import { accountOf, createClouds } from '../clouds.ts'
import { documentVersion, type LoginDocument, loginDocument } from '../contract.ts'
import type { Io } from '../io.ts'
import type { LoginOptions } from '../options.ts'
import { openPlatform } from '../platform-home.ts'
import { signInCommands } from '../sign-in.ts'
import { resolveTarget } from '../target.ts'

const timeoutMs = 60_000

/**
 * Proves that the credentials which the SDKs find belong to the accounts of mlp.yaml, and says whose they are and until
 * when; where they do not, the commands that sign in. Changes nothing, opens no browser.
 */
export async function runLogin(options: LoginOptions, io: Io): Promise<ExitCode> {
  const { config, folder } = await openPlatform(options, io)
  if (options.cloud !== undefined && config.clouds[options.cloud] === undefined)
    throw notConfigured(options.cloud)
  if (config.target === 'sandbox') {
    show({ schemaVersion: documentVersion, target: 'sandbox', clouds: [] }, options, io)
    return exitCodes.done
  }
  const signal = AbortSignal.timeout(timeoutMs)
  const target = await resolveTarget({
    config,
    platformFolder: folder,
    environment: io.env,
    signal,
    report: () => {},
  })
  const clouds = await createClouds(config, target, options.cloud === undefined ? undefined : [options.cloud])
  const rows = await Promise.all([...clouds.values()].map(cloud => rowOf(cloud, config, io, signal)))
  show({ schemaVersion: documentVersion, target: 'cloud', clouds: rows }, options, io)
  return rows.every(({ ok }) => ok) ? exitCodes.done : exitCodes.checkFailed
}

type Row = LoginDocument['clouds'][number]

async function rowOf(cloud: Cloud, config: Config, io: Io, signal: AbortSignal): Promise<Row> {
  const wanted = accountOf(config, cloud.name)
  const signIn = () => signInCommands(cloud.name, config, io.env)
  try {
    const { principal, account, validity } = await cloud.identity(signal)
    const found = { cloud: cloud.name, principal, account, until: untilOf(validity) }
    if (account === wanted) return { ...found, ok: true, detail: `${principal} in ${account}`, signIn: [] }
    const detail = `${principal} is in ${account}, but mlp.yaml names ${wanted}`
    return { ...found, ok: false, detail, signIn: [...(await signIn())] }
  } catch (error) {
    if (!(error instanceof MlpError)) throw error
    const detail = [error.message, error.detail].filter(Boolean).join(': ')
    const nobody = { cloud: cloud.name, principal: null, account: null, until: null }
    return {
      ...nobody,
      ok: false,
      detail,
      signIn: error.code === 'MLP3001' ? [...(await signIn())] : [...error.remedy],
    }
  }
}

function untilOf(validity: Awaited<ReturnType<Cloud['identity']>>['validity']): Row['until'] {
  switch (validity.kind) {
    case 'renewed':
      return 'renewed'
    case 'unknown':
      return 'unknown'
    case 'ends':
      return validity.at
  }
}

function show(document: LoginDocument, options: LoginOptions, io: Io): void {
  if (options.json) {
    io.stdout.write(`${JSON.stringify(loginDocument.parse(document))}\n`)
    return
  }
  const lines =
    document.target === 'sandbox'
      ? ['The sandbox brings its own credentials: no login is needed.']
      : document.clouds.flatMap(linesOf)
  io.stdout.write(`${lines.join('\n')}\n`)
}

const untilTexts = {
  renewed: 'renewed by the tools that use them',
  unknown: 'nobody can tell until when',
} as const

function linesOf({ cloud, ok, detail, until, signIn }: Row): readonly string[] {
  if (!ok) return [`× ${cloud}: ${detail}`, ...signIn.map(command => `    ${command}`)]
  const end = until === 'renewed' || until === 'unknown' ? untilTexts[until] : `until ${until}`
  return [`√ ${cloud}: ${detail}, ${end}`]
}

function notConfigured(cloud: CloudName): MlpError {
  return new MlpError({
    code: 'MLP1010',
    summary: `${cloud} is not in this platform's configuration`,
    remedy: [`Add ${cloud} under clouds in mlp.yaml, or name another cloud.`],
  })
}
