import { cloudDefaults, sandboxAccounts, settingDefaults } from '../config/defaults.ts'
import { projectPattern } from '../config/schema.ts'
import type { Detected, Found } from './detect.ts'
import type { Io } from './io.ts'
import type { InitOptions } from './options.ts'

/** All that mlp.yaml needs to be told. */
export interface Answers {
  readonly project: string
  readonly owner: string
  readonly domain: string | undefined
  readonly target: 'sandbox' | 'cloud'
  readonly clouds: {
    readonly aws?: { readonly accountId: string; readonly region: string }
    readonly gcp?: { readonly projectId: string; readonly region: string }
    readonly azure?: {
      readonly subscriptionId: string
      readonly tenantId?: string
      readonly location: string
    }
  }
}

type CloudName = keyof Answers['clouds']

/** A row of the table that is shown before the one question. */
interface Row {
  readonly name: string
  readonly value: string
  readonly why: string
}

/**
 * Flags first, then what the machine says, then defaults; asks only for what none of them knows.
 * @throws MlpError MLP5001 (exit 5) when something must be asked and there is no terminal.
 */
export async function answer(options: InitOptions, detected: Detected, io: Io): Promise<Answers> {
  const rows: Row[] = []
  const take = (
    name: string,
    flag: string | undefined,
    found: Found | undefined,
    otherwise: string,
  ): string => {
    const chosen =
      flag === undefined ? (found ?? { value: otherwise, why: 'default' }) : { value: flag, why: 'flag' }
    rows.push({ name, ...chosen })
    return chosen.value
  }
  const target = options.target ?? (await chooseTarget(options, io))
  const clouds = await chooseClouds(options, io)
  const project = options.project ?? (await chooseProject(options, detected.project, io))
  rows.push({ name: 'target', value: target, why: target === 'sandbox' ? 'free of charge' : 'costs money' })
  rows.push({
    name: 'project',
    value: project,
    why: options.project === undefined ? detected.project.why : 'flag',
  })
  const owner = take('owner', options.owner, detected.owner, settingDefaults.owner)
  const account = async (cloud: CloudName): Promise<string> => {
    const { name, flag, option, found, sandbox } = accountOf(cloud, options, detected)
    const known = option ?? found?.value
    if (target === 'cloud' && known === undefined) return askAccount(name, flag, io)
    return take(name, option, target === 'sandbox' ? undefined : found, sandbox)
  }
  const defaults = cloudDefaults('dev')
  const tenant = target === 'cloud' ? detected.azureTenant?.value : undefined
  const chosen: Answers['clouds'] = {
    ...(clouds.includes('aws') && {
      aws: {
        accountId: await account('aws'),
        region: take('AWS region', options.awsRegion, detected.awsRegion, defaults.aws.region),
      },
    }),
    ...(clouds.includes('gcp') && {
      gcp: {
        projectId: await account('gcp'),
        region: take('Google Cloud region', options.gcpRegion, detected.gcpRegion, defaults.gcp.region),
      },
    }),
    ...(clouds.includes('azure') && {
      azure: {
        subscriptionId: await account('azure'),
        ...(tenant === undefined ? {} : { tenantId: tenant }),
        location: take(
          'Azure location',
          options.azureLocation,
          detected.azureLocation,
          defaults.azure.location,
        ),
      },
    }),
  }
  await agree(rows, options, io)
  return { project, owner, domain: options.domain, target, clouds: chosen }
}

async function chooseTarget(options: InitOptions, io: Io): Promise<'sandbox' | 'cloud'> {
  if (options.yes) return settingDefaults.target
  const { askYesNo } = await import('./prompts.ts')
  const cloud = await askYesNo(io, {
    message: 'Build on your cloud accounts, which costs money? (No: on this machine, free of charge)',
    flag: '--target or --yes',
  })
  return cloud ? 'cloud' : 'sandbox'
}

async function chooseClouds(options: InitOptions, io: Io): Promise<readonly CloudName[]> {
  if (options.cloud.length > 0) return options.cloud
  if (options.yes) return ['aws', 'gcp', 'azure']
  const { askSome } = await import('./prompts.ts')
  return askSome<CloudName>(io, {
    message: 'Which clouds?',
    flag: '--cloud or --yes',
    choices: [
      { value: 'aws', name: 'AWS', checked: true },
      { value: 'gcp', name: 'Google Cloud', checked: true },
      { value: 'azure', name: 'Azure', checked: true },
    ],
  })
}

async function chooseProject(options: InitOptions, found: Found, io: Io): Promise<string> {
  if (options.yes) return found.value
  const { askText } = await import('./prompts.ts')
  return askText(io, {
    message: 'Name of the platform:',
    flag: '--project or --yes',
    default: found.value,
    validate: text =>
      (projectPattern.test(text) && text.length >= 3 && text.length <= 24) ||
      '3 to 24 lower-case letters and digits, words joined by single hyphens',
  })
}

function accountOf(cloud: CloudName, options: InitOptions, detected: Detected) {
  const all = {
    aws: {
      name: 'AWS account',
      flag: '--aws-account',
      option: options.awsAccount,
      found: detected.awsAccount,
      sandbox: sandboxAccounts.aws.accountId,
    },
    gcp: {
      name: 'Google Cloud project',
      flag: '--gcp-project',
      option: options.gcpProject,
      found: detected.gcpProject,
      sandbox: sandboxAccounts.gcp.projectId,
    },
    azure: {
      name: 'Azure subscription',
      flag: '--azure-subscription',
      option: options.azureSubscription,
      found: detected.azureSubscription,
      sandbox: sandboxAccounts.azure.subscriptionId,
    },
  }
  return all[cloud]
}

async function askAccount(name: string, flag: string, io: Io): Promise<string> {
  const { askText } = await import('./prompts.ts')
  return askText(io, {
    message: `${name}:`,
    flag,
    validate: text => text.trim() !== '' || 'It cannot be empty.',
  })
}

/** One table, one question. */
async function agree(rows: readonly Row[], options: InitOptions, io: Io): Promise<void> {
  if (options.yes) return
  const names = Math.max(...rows.map(({ name }) => name.length))
  const values = Math.max(...rows.map(({ value }) => value.length))
  for (const { name, value, why } of rows) {
    io.stderr.write(`  ${name.padEnd(names)}  ${value.padEnd(values)}  ${why}\n`)
  }
  const { askYesNo } = await import('./prompts.ts')
  if (await askYesNo(io, { message: 'Write mlp.yaml with these?', flag: '--yes' })) return
  const { MlpError } = await import('../engine/errors.ts')
  throw new MlpError({
    code: 'MLP5002',
    summary: 'nothing was written',
    remedy: ['Run `mlp init` again; `mlp init --help` lists a flag for each value.'],
  })
}
