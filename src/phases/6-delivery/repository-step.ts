import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { Undone } from '../../engine/step.ts'
import type { Context, PlatformStep } from '../phase.ts'
import {
  isOfOtherClouds,
  type Opened,
  open,
  type RepositoryFacts,
  repositoryStepId,
  wantedDelivery,
} from './repository.ts'
import { findVariable, setVariable } from './repository-variables.ts'
import { madeVariable } from './variables.ts'

/**
 * From here on GitHub writes the ids of owner and repository into the subject of new repositories' tokens, so that a
 * name that is given away opens nothing. https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
 */
const immutableSince = Date.parse('2026-07-15T00:00:00Z')

const repositorySchema = z.looseObject({
  id: z.int(),
  name: z.string(),
  archived: z.boolean().default(false),
  created_at: z.string().nullish(),
  owner: z.looseObject({ id: z.int(), login: z.string() }),
})
const subjectSchema = z.looseObject({
  use_default: z.boolean().default(true),
  use_immutable_subject: z.boolean().optional(),
})

/** The repository whose workflows deploy: found, or made. */
export function repositoryStep(): PlatformStep {
  return {
    id: repositoryStepId,
    cloud: 'all',
    title: 'Repository on GitHub',
    needs: [],
    inputs: context => {
      const { owner, name } = wantedDelivery(context)
      return { repository: `${owner}/${name}` }
    },
    async status(context) {
      const opened = await open(context)
      const facts = await findRepository(context, opened)
      const { owner, name } = opened.delivery
      if (facts === undefined) return { state: 'absent', why: `GitHub has no ${owner}/${name}` }
      return {
        state: 'present',
        outputs: { ...facts },
        why: facts.made ? 'made by mlp' : 'it was there before',
      }
    },
    async apply(context, progress) {
      const opened = await open(context)
      const { owner, name } = opened.delivery
      const found = await findRepository(context, opened)
      if (found !== undefined) return { ...found }
      const agreed = await context.consent.approve({
        id: 'create-repository',
        message: `Make the private repository ${owner}/${name}?`,
        details: ['It is not there, or this token may not see it.'],
        safe: true,
        flag: '--yes',
      })
      if (!agreed) throw refused(`${owner}/${name}`)
      progress.report(`making ${owner}/${name}`)
      await create(opened)
      await setVariable(opened, undefined, madeVariable, context.platformId)
      const made = await findRepository(context, opened)
      if (made === undefined) throw new Error(`${owner}/${name} was made, and is not there`)
      return { ...made }
    },
    undo: undoRepository,
  }
}

async function findRepository(context: Context, opened: Opened): Promise<RepositoryFacts | undefined> {
  const { github, at, delivery } = opened
  const answer = await github.find('looking for the repository', octokit =>
    octokit.request('GET /repos/{owner}/{repo}', at),
  )
  if (answer === undefined) return undefined
  const repository = repositorySchema.parse(answer)
  const whole = `${delivery.owner}/${delivery.name}`
  if (repository.archived) throw unusable(whole, 'It is archived: nothing can be pushed to it.')
  const [made, custom] = await Promise.all([
    findVariable(opened, undefined, madeVariable),
    github.find('asking what its tokens say', octokit =>
      octokit.request('GET /repos/{owner}/{repo}/actions/oidc/customization/sub', at),
    ),
  ])
  const { use_default: isDefault, use_immutable_subject: told } = subjectSchema.parse(custom ?? {})
  if (!isDefault)
    throw unusable(whole, 'The subject of its tokens for OIDC is made by a template of its own.')
  const immutable = told ?? Date.parse(repository.created_at ?? '') >= immutableSince
  const { owner } = repository
  return {
    url: `${github.target.webUrl}/${owner.login}/${repository.name}`,
    made: made === context.platformId,
    subject: immutable
      ? `repo:${owner.login}@${owner.id}/${repository.name}@${repository.id}`
      : `repo:${owner.login}/${repository.name}`,
  }
}

async function create({ github, at }: Opened): Promise<void> {
  const { login } = await github.whoami()
  const wanted = {
    name: at.repo,
    private: true,
    // A branch to protect, and one to push onto.
    auto_init: true,
    description: 'ML platform, deployed by mlp',
  }
  if (login.toLowerCase() === at.owner.toLowerCase()) {
    await github.ask('making the repository', octokit => octokit.request('POST /user/repos', wanted))
    return
  }
  const organization = await github.find('looking for its owner', octokit =>
    octokit.request('GET /orgs/{org}', { org: at.owner }),
  )
  if (organization === undefined)
    throw unusable(
      `${at.owner}/${at.repo}`,
      `${at.owner} is neither an organization nor ${login}, whose token this is.`,
    )
  await github.ask('making the repository', octokit =>
    octokit.request('POST /orgs/{org}/repos', { org: at.owner, ...wanted }),
  )
}

async function undoRepository(context: Context): Promise<Undone> {
  const opened = await open(context)
  const facts = await findRepository(context, opened)
  if (facts === undefined) return { removed: [], kept: [], left: [] }
  const { owner, name } = opened.delivery
  const row = { cloud: 'all', type: 'repository', id: facts.url, name: `${owner}/${name}` }
  if (!facts.made) return { removed: [], kept: [{ ...row, reason: 'it was there before mlp' }], left: [] }
  if (isOfOtherClouds(context))
    return { removed: [], kept: [{ ...row, reason: 'other clouds are deployed from it' }], left: [] }
  if (!context.consent.destroyData) {
    const reason = 'its history is data; --destroy-data removes it'
    return { removed: [], kept: [{ ...row, reason }], left: [] }
  }
  await opened.github.find('deleting the repository', octokit =>
    octokit.request('DELETE /repos/{owner}/{repo}', opened.at),
  )
  return { removed: [{ ...row, reason: 'made by mlp' }], kept: [], left: [] }
}

function unusable(repository: string, detail: string): MlpError {
  return new MlpError({
    code: 'MLP5308',
    summary: `${repository} cannot be used for the pipeline`,
    detail,
    remedy: ['Name another one under delivery.repository in mlp.yaml.'],
  })
}

function refused(repository: string): MlpError {
  return new MlpError({
    code: 'MLP5002',
    summary: `${repository} was not made: the answer was no`,
    remedy: ['Name a repository that is there under delivery.repository in mlp.yaml.'],
  })
}
