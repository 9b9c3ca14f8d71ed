import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as z from 'zod'

export interface Found {
  readonly value: string
  /** Where it was found, for people. */
  readonly why: string
}

/** What this machine says already, so that nobody is asked for it. */
export interface Detected {
  readonly project: Found
  readonly owner: Found | undefined
  readonly awsAccount: Found | undefined
  readonly awsRegion: Found | undefined
  readonly gcpProject: Found | undefined
  readonly gcpRegion: Found | undefined
  readonly azureSubscription: Found | undefined
  readonly azureTenant: Found | undefined
  readonly azureLocation: Found | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the configuration files of git and of the clouds' tools; runs nothing, reads no credential, changes nothing. */
export async function detect(folder: string, environment: Environment): Promise<Detected> {
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? folder
  const [project, owner, aws, gcp, azure] = await Promise.all([
    detectProject(folder),
    detectOwner(folder, home),
    detectAws(home, environment),
    detectGcp(home, environment),
    detectAzure(home, environment),
  ])
  return { project, owner, ...aws, ...gcp, ...azure }
}

/** The nearest valid project name. */
export function toProjectName(text: string): string {
  const words = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
  const name = words.slice(0, 24).replace(/-+$/, '')
  return name.length >= 3 ? name : 'ml-platform'
}

async function detectProject(folder: string): Promise<Found> {
  const remote = (await readIni(join(folder, '.git', 'config')))['remote "origin"']?.['url']
  const repository = remote === undefined ? undefined : /([^/:]+?)(\.git)?\/?$/.exec(remote)?.[1]
  return repository === undefined
    ? { value: toProjectName(basename(folder)), why: 'name of the folder' }
    : { value: toProjectName(repository), why: "git's remote origin" }
}

async function detectOwner(folder: string, home: string): Promise<Found | undefined> {
  const email =
    (await readIni(join(folder, '.git', 'config')))['user']?.['email'] ??
    (await readIni(join(home, '.gitconfig')))['user']?.['email']
  return found(email, 'git config user.email')
}

async function detectAws(home: string, environment: Environment) {
  const file = environment['AWS_CONFIG_FILE'] ?? join(home, '.aws', 'config')
  const profile = environment['AWS_PROFILE'] ?? 'default'
  const sections = await readIni(file)
  const settings = sections[`profile ${profile}`] ?? sections[profile] ?? {}
  return {
    awsAccount: found(awsAccountOf(settings), `AWS profile ${profile}`),
    awsRegion:
      found(environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'], 'AWS_REGION') ??
      found(settings['region'], `AWS profile ${profile}`),
  }
}

/** The AWS profiles that lead to an account, as far as their settings tell: SSO, or a role of that account. */
export async function awsProfilesOf(
  account: string,
  environment: Environment,
): Promise<readonly { readonly name: string; readonly sso: boolean }[]> {
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? ''
  const sections = await readIni(environment['AWS_CONFIG_FILE'] ?? join(home, '.aws', 'config'))
  return Object.entries(sections)
    .filter(([, settings]) => awsAccountOf(settings) === account)
    .map(([section, settings]) => ({
      name: section.replace(/^profile /, ''),
      sso: settings['sso_account_id'] !== undefined,
    }))
}

function awsAccountOf(settings: Readonly<Record<string, string>>): string | undefined {
  return settings['sso_account_id'] ?? /^arn:aws[^:]*:iam::(\d{12}):/.exec(settings['role_arn'] ?? '')?.[1]
}

async function detectGcp(home: string, environment: Environment) {
  const folder = environment['CLOUDSDK_CONFIG'] ?? join(home, '.config', 'gcloud')
  const active = (await readText(join(folder, 'active_config')))?.trim() ?? 'default'
  const sections = await readIni(join(folder, 'configurations', `config_${active}`))
  const why = `gcloud configuration ${active}`
  return {
    gcpProject:
      found(
        environment['GOOGLE_CLOUD_PROJECT'] ?? environment['CLOUDSDK_CORE_PROJECT'],
        'GOOGLE_CLOUD_PROJECT',
      ) ?? found(sections['core']?.['project'], why),
    gcpRegion: found(sections['compute']?.['region'], why),
  }
}

const azureProfile = z.object({
  subscriptions: z.array(z.object({ id: z.string(), tenantId: z.string(), isDefault: z.boolean() })),
})

async function detectAzure(home: string, environment: Environment) {
  const folder = environment['AZURE_CONFIG_DIR'] ?? join(home, '.azure')
  const subscription = parseAzureProfile(await readText(join(folder, 'azureProfile.json')))
  const location = (await readIni(join(folder, 'config')))['defaults']?.['location']
  return {
    azureSubscription: found(subscription?.id, "az's default subscription"),
    azureTenant: found(subscription?.tenantId, "az's default subscription"),
    azureLocation: found(location, "az's default location"),
  }
}

function parseAzureProfile(text: string | undefined) {
  if (text === undefined) return undefined
  try {
    // az writes the file with a byte order mark.
    const profile = azureProfile.safeParse(JSON.parse(text.replace(/^\uFEFF/, '')))
    return profile.data?.subscriptions.find(({ isDefault }) => isDefault)
  } catch (error) {
    // A file that az itself could not read tells us nothing, and is not ours to report.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function found(value: string | undefined, why: string): Found | undefined {
  return value === undefined || value === '' ? undefined : { value, why }
}

type Sections = Readonly<Record<string, Readonly<Record<string, string>>>>

/** INI as git, AWS and gcloud write it; what is not there is empty. */
export function parseIni(text: string): Sections {
  const sections: Record<string, Record<string, string>> = {}
  let section: Record<string, string> = {}
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[(.+?)\]\s*$/.exec(line)?.[1]
    const [, key, value] = /^\s*([\w.-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (header !== undefined) {
      section = sections[header] ?? {}
      sections[header] = section
    } else if (key !== undefined && value !== undefined) {
      section[key] = value
    }
  }
  return sections
}

async function readIni(file: string): Promise<Sections> {
  return parseIni((await readText(file)) ?? '')
}

/** Undefined when there is no such file, or it is not for us to read. */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return undefined
  }
}
