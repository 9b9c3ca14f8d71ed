import * as z from 'zod'
import { configuredClouds } from '../../config/configured-clouds.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Leftover } from '../../engine/events.ts'
import type { StepId } from '../../engine/step.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { federationStepId, pipelineIdentity } from './federation.ts'
import { guideSecrets } from './guide-secrets.ts'
import { deliveryInputs, isOfOtherClouds, type Opened, open, repositoryStepId } from './repository.ts'
import { readVariables, removeVariable, setVariable } from './repository-variables.ts'
import { removeSecret, secretNames, secretValue, setSecret } from './secrets.ts'
import { platformVariable, variableNames } from './variables.ts'

export const environmentsStepId: StepId = '6.all.environments'
/** On an environment that was there before: teardown takes mlp's own out of it, and leaves it. */
const adoptedVariable = 'MLP_ADOPTED'

interface WantedEnvironment {
  readonly name: string
  readonly reviewers: readonly string[]
  /** Whose commits may run in it; undefined: any. */
  readonly branch: string | undefined
  readonly variables: ReadonlyMap<string, string>
  /** Left as they are: of clouds that this run does not work on. */
  readonly untouched: readonly string[]
  readonly secrets: readonly string[]
}

const environmentSchema = z.looseObject({
  protection_rules: z
    .array(
      z.looseObject({
        type: z.string(),
        reviewers: z
          .array(z.looseObject({ reviewer: z.looseObject({ login: z.string().optional() }) }))
          .optional(),
      }),
    )
    .default([]),
  deployment_branch_policy: z.looseObject({ custom_branch_policies: z.boolean() }).nullish(),
})

/** The two environments that jobs run in: what decides whose approval they need, and whom they become in the clouds. */
export function environmentsStep(needs: readonly StepId[]): PlatformStep {
  return {
    id: environmentsStepId,
    cloud: 'all',
    title: 'Environments, variables and secrets on GitHub',
    needs: [repositoryStepId, ...needs],
    inputs: context => ({
      delivery: deliveryInputs(context),
      identities: Object.fromEntries(
        configuredClouds(context.config).map(cloud => [
          cloud,
          context.outputs(federationStepId(cloud)) ?? null,
        ]),
      ),
    }),
    async status(context) {
      const opened = await open(context)
      const differences: string[] = []
      let there = 0
      for (const wanted of wantedEnvironments(context, opened)) {
        const found = await readEnvironment(opened, wanted.name)
        if (found === undefined) differences.push(`${wanted.name} is not there`)
        else {
          there++
          differences.push(...(await differencesOf(opened, wanted, found)))
        }
      }
      const [first] = differences
      if (first === undefined) return { state: 'present', outputs: {} }
      if (there === 0) return { state: 'absent', why: first }
      return { state: 'drifted', why: differences.slice(0, 3).join(', ') }
    },
    async apply(context, progress) {
      const opened = await open(context)
      for (const wanted of wantedEnvironments(context, opened)) {
        progress.report(`environment ${wanted.name}`)
        await makeEnvironment(context, opened, wanted)
      }
      return {}
    },
    async undo(context, progress) {
      if (isOfOtherClouds(context)) return { removed: [], kept: [], left: [] }
      const opened = await open(context)
      const removed: Leftover[] = []
      const kept: Leftover[] = []
      for (const wanted of wantedEnvironments(context, opened)) {
        const { name } = wanted
        const variables = await readVariables(opened, name)
        if (variables?.get(platformVariable) !== context.platformId) continue
        progress.report(`environment ${name}`)
        const row = {
          cloud: 'all',
          type: 'environment',
          id: `${opened.at.owner}/${opened.at.repo}:${name}`,
          name,
        }
        if (variables.get(adoptedVariable) === undefined) {
          await opened.github.find(`deleting the environment ${name}`, octokit =>
            octokit.request('DELETE /repos/{owner}/{repo}/environments/{environment_name}', {
              ...opened.at,
              environment_name: name,
            }),
          )
          removed.push({ ...row, reason: 'made by mlp' })
          continue
        }
        for (const variable of ownVariables)
          if (variables.has(variable)) await removeVariable(opened, name, variable)
        for (const secret of await ownSecrets(opened, name)) await removeSecret(opened, name, secret)
        kept.push({
          ...row,
          reason: 'it was there before mlp; its variables and secrets of mlp were removed',
        })
      }
      return { removed, kept, left: [] }
    },
  }
}

/** Every one that mlp ever sets: what of these is no longer wanted was mlp's. */
const ownVariables = [platformVariable, adoptedVariable, ...Object.values(variableNames).flat()]

async function ownSecrets(opened: Opened, environment: string): Promise<readonly string[]> {
  const ours = new Set(Object.values(guideSecrets).flat())
  return (await secretNames(opened, environment)).filter(name => ours.has(name))
}

function wantedEnvironments(context: Context, { delivery }: Opened): readonly WantedEnvironment[] {
  const { config, platformId } = context
  const clouds = configuredClouds(config)
  const common = {
    untouched: clouds.filter(cloud => !context.clouds.has(cloud)).flatMap(cloud => variableNames[cloud]),
    secrets: delivery.credentials === 'keys' ? clouds.flatMap(cloud => guideSecrets[cloud]) : [],
  }
  const variables = (purpose: 'deploy' | 'read') =>
    new Map([
      [platformVariable, platformId],
      ...(delivery.credentials === 'keys'
        ? []
        : clouds.flatMap(cloud =>
            Object.entries(pipelineIdentity(context, cloud)?.[purpose].variables ?? {}),
          )),
    ])
  return [
    {
      name: delivery.environments.deploy,
      reviewers: delivery.approvals,
      branch: delivery.branch,
      variables: variables('deploy'),
      ...common,
    },
    // Asked by pull requests and by the clock: nobody approves that, and nothing can be changed by it.
    {
      name: delivery.environments.read,
      reviewers: [],
      branch: undefined,
      variables: variables('read'),
      ...common,
    },
  ]
}

type FoundEnvironment = z.output<typeof environmentSchema>

async function readEnvironment({ github, at }: Opened, name: string): Promise<FoundEnvironment | undefined> {
  const found = await github.find(`reading the environment ${name}`, octokit =>
    octokit.request('GET /repos/{owner}/{repo}/environments/{environment_name}', {
      ...at,
      environment_name: name,
    }),
  )
  return found === undefined ? undefined : environmentSchema.parse(found)
}

/** Whom jobs become in the clouds is not asked: that is known only to a run that asked the clouds. */
export async function openEnvironments(context: Context, opened: Opened): Promise<readonly string[]> {
  const asked = wantedEnvironments(context, opened).map(async wanted => {
    const found = await readEnvironment(opened, wanted.name)
    return found === undefined ? [`${wanted.name} is not there`] : await rulesOf(opened, wanted, found)
  })
  return (await Promise.all(asked)).flat()
}

async function differencesOf(
  opened: Opened,
  wanted: WantedEnvironment,
  found: FoundEnvironment,
): Promise<readonly string[]> {
  const { name } = wanted
  const differences = [...(await rulesOf(opened, wanted, found))]
  const variables = (await readVariables(opened, name)) ?? new Map<string, string>()
  for (const [key, value] of wanted.variables)
    if (variables.get(key) !== value)
      differences.push(`${name}: ${key} is ${variables.get(key) ?? 'missing'}`)
  for (const key of surplusOf(variables, wanted)) differences.push(`${name}: ${key} is no longer wanted`)
  const secrets = await ownSecrets(opened, name)
  for (const secret of wanted.secrets)
    if (!secrets.includes(secret)) differences.push(`${name}: the secret ${secret} is missing`)
  for (const secret of secrets)
    if (!wanted.secrets.includes(secret)) differences.push(`${name}: the secret ${secret} is used by nothing`)
  return differences
}

/** Who has to approve, and whose commits may run. */
async function rulesOf(
  opened: Opened,
  wanted: WantedEnvironment,
  found: FoundEnvironment,
): Promise<readonly string[]> {
  const { name } = wanted
  const differences: string[] = []
  const reviewers = found.protection_rules
    .flatMap(rule => rule.reviewers ?? [])
    .map(({ reviewer }) => reviewer.login?.toLowerCase() ?? '')
  if (sorted(reviewers) !== sorted(wanted.reviewers.map(login => login.toLowerCase())))
    differences.push(`${name}: approvals by ${reviewers.join(', ') || 'nobody'}`)
  if ((found.deployment_branch_policy?.custom_branch_policies ?? false) !== (wanted.branch !== undefined))
    differences.push(`${name}: other branches may deploy`)
  else if (wanted.branch !== undefined && sorted(await policyNames(opened, name)) !== wanted.branch)
    differences.push(`${name}: other branches than ${wanted.branch} may deploy`)
  return differences
}

function surplusOf(variables: ReadonlyMap<string, string>, wanted: WantedEnvironment): readonly string[] {
  return ownVariables.filter(
    key =>
      key !== adoptedVariable &&
      variables.has(key) &&
      !wanted.variables.has(key) &&
      !wanted.untouched.includes(key),
  )
}

async function makeEnvironment(context: Context, opened: Opened, wanted: WantedEnvironment): Promise<void> {
  const { github, at } = opened
  const { name } = wanted
  const where = { ...at, environment_name: name }
  const isThere = (await readEnvironment(opened, name)) !== undefined
  const before = isThere ? await readVariables(opened, name) : undefined
  const adopted = isThere && before?.get(platformVariable) === undefined
  if (before?.has(platformVariable) && before.get(platformVariable) !== context.platformId)
    throw foreign(name)
  if (adopted) await agreeToAdopt(context, name)
  const reviewers = await Promise.all(
    wanted.reviewers.map(async username => {
      const { id } = await github.ask(`looking for ${username}`, octokit =>
        octokit.request('GET /users/{username}', { username }),
      )
      return { type: 'User' as const, id: Number(id) }
    }),
  )
  await github.ask(`making the environment ${name}`, octokit =>
    octokit.request('PUT /repos/{owner}/{repo}/environments/{environment_name}', {
      ...where,
      reviewers,
      deployment_branch_policy:
        wanted.branch === undefined ? null : { protected_branches: false, custom_branch_policies: true },
    }),
  )
  // First: what is made after it is known to be ours.
  await setVariable(opened, name, platformVariable, context.platformId)
  if (adopted) await setVariable(opened, name, adoptedVariable, 'true')
  if (wanted.branch !== undefined) await setBranch(opened, name, wanted.branch)
  for (const [key, value] of wanted.variables) await setVariable(opened, name, key, value)
  for (const key of surplusOf((await readVariables(opened, name)) ?? new Map(), wanted))
    await removeVariable(opened, name, key)
  const secrets = await ownSecrets(opened, name)
  for (const secret of wanted.secrets) {
    // What is there was sealed: whether it is the same, nobody can tell. It is set anew where it is known here.
    if (secrets.includes(secret) && !process.env[secret]) continue
    await setSecret(opened, name, secret, secretValue(secret))
  }
  for (const secret of secrets.filter(each => !wanted.secrets.includes(each)))
    await removeSecret(opened, name, secret)
}

async function policies({ github, at }: Opened, environment: string) {
  const found = await github.ask('reading which branches may deploy', octokit =>
    octokit.request('GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies', {
      ...at,
      environment_name: environment,
    }),
  )
  return found.branch_policies
}

async function policyNames(opened: Opened, environment: string): Promise<readonly string[]> {
  return (await policies(opened, environment)).map(({ name }) => name ?? '')
}

async function setBranch(opened: Opened, environment: string, branch: string): Promise<void> {
  const { github, at } = opened
  const where = { ...at, environment_name: environment }
  const found = await policies(opened, environment)
  for (const { id, name } of found) {
    if (id === undefined || name === branch) continue
    await github.ask('taking a branch out', octokit =>
      octokit.request(
        'DELETE /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}',
        { ...where, branch_policy_id: id },
      ),
    )
  }
  if (found.some(({ name }) => name === branch)) return
  await github.ask(`letting ${branch} deploy`, octokit =>
    octokit.request('POST /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies', {
      ...where,
      name: branch,
    }),
  )
}

async function agreeToAdopt(context: Context, name: string): Promise<void> {
  const agreed = await context.consent.approve({
    id: 'adopt-environment',
    message: `Take over the environment ${name}, which mlp did not make?`,
    details: ['Its approvals and branches become those of mlp.yaml; teardown leaves it.'],
    safe: false,
    undone: true,
    flag: '--adopt',
  })
  if (!agreed) throw foreign(name)
}

function foreign(name: string): MlpError {
  return new MlpError({
    code: 'MLP5313',
    summary: `The environment ${name} on GitHub was not made by this platform`,
    remedy: [
      '--adopt takes it over; teardown then leaves it.',
      'Or name another repository under delivery.repository.',
    ],
  })
}

function sorted(names: readonly string[]): string {
  return names.toSorted().join(' ')
}
