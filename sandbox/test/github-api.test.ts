import sodium from 'libsodium-wrappers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type SandboxWithGithub, startSandboxWithGithub } from './github-fixture.ts'

let hub: SandboxWithGithub
beforeAll(async () => {
  hub = await startSandboxWithGithub()
})
afterAll(() => hub.stop())

let made = 0
async function newRepository(
  more: { readonly private?: boolean } = {},
): Promise<{ readonly owner: string; readonly repo: string }> {
  const repo = `platform-${made++}`
  await hub.client().rest.repos.createInOrg({ org: 'acme', name: repo, private: more.private ?? true })
  return { owner: 'acme', repo }
}

describe('tokens', () => {
  test('the one of mlp sandbox env says who it is and what it may', async () => {
    const { data, headers } = await hub.client().rest.users.getAuthenticated()
    expect(data.login).toBe('mlp-operator')
    expect(headers['x-oauth-scopes']).toContain('repo, workflow')
  })

  test('a wrong one is bad credentials, none at all is asked for some', async () => {
    await expect(hub.client('ghp_wrong').rest.users.getAuthenticated()).rejects.toMatchObject({
      status: 401,
      message: expect.stringContaining('Bad credentials'),
    })
    await expect(hub.client('').rest.users.getAuthenticated()).rejects.toMatchObject({
      status: 401,
      message: expect.stringContaining('Requires authentication'),
    })
  })

  test('one without a scope sees nothing of a private repository, and the headers say why', async () => {
    const at = await newRepository()
    const token = await hub.issue({ scopes: ['read:org'] })
    await expect(hub.client(token).rest.repos.get(at)).rejects.toMatchObject({
      status: 404,
      response: { headers: { 'x-oauth-scopes': 'read:org', 'x-accepted-oauth-scopes': 'repo' } },
    })
    await expect(
      hub.client(token).rest.repos.createForAuthenticatedUser({ name: 'mine' }),
    ).rejects.toMatchObject({ status: 404 })
  })

  test('a fine-grained one may do what its permissions say', async () => {
    const at = await newRepository()
    const token = await hub.issue({ permissions: { metadata: 'read', contents: 'read' } })
    expect((await hub.client(token).rest.repos.get(at)).data.full_name).toBe(`acme/${at.repo}`)
    await expect(
      hub.client(token).rest.actions.createRepoVariable({ ...at, name: 'A', value: 'b' }),
    ).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining('Resource not accessible by personal access token'),
      response: { headers: { 'x-accepted-github-permissions': 'variables=write' } },
    })
  })

  test('an expired one is bad credentials', async () => {
    const token = await hub.issue({ scopes: ['repo'], expiresAt: '2026-01-01T00:00:00Z' })
    await expect(hub.client(token).rest.users.getAuthenticated()).rejects.toMatchObject({ status: 401 })
  })

  test('somebody else may read what is public and change nothing', async () => {
    const at = await newRepository({ private: false })
    const alice = hub.client(await hub.issue({ login: 'alice', scopes: ['repo'] }))
    expect((await alice.rest.repos.get(at)).data.permissions).toMatchObject({ pull: true, push: false })
    await expect(alice.rest.repos.update({ ...at, description: 'mine' })).rejects.toMatchObject({
      status: 403,
    })
  })
})

describe('repositories', () => {
  test('are created once, shown, changed, listed page by page, and deleted', async () => {
    const octokit = hub.client()
    const at = await newRepository()
    const { data } = await octokit.rest.repos.get(at)
    expect(data).toMatchObject({
      full_name: `acme/${at.repo}`,
      private: true,
      default_branch: 'main',
      permissions: { admin: true },
    })
    expect(data.clone_url).toBe(`${hub.webUrl}/acme/${at.repo}.git`)
    await expect(octokit.rest.repos.createInOrg({ org: 'acme', name: at.repo })).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining('name already exists'),
    })
    expect((await octokit.rest.repos.update({ ...at, description: 'ours' })).data.description).toBe('ours')
    await newRepository()
    const names = await octokit.paginate(octokit.rest.repos.listForOrg, { org: 'acme', per_page: 1 })
    expect(names.map(one => one.name)).toContain(at.repo)
    await octokit.rest.repos.delete(at)
    await expect(octokit.rest.repos.get(at)).rejects.toMatchObject({ status: 404 })
  })

  test('of somebody else are not to be made', async () => {
    await expect(
      hub.client().rest.repos.createInOrg({ org: 'somebody-else', name: 'x' }),
    ).rejects.toMatchObject({ status: 403 })
    await expect(hub.client().rest.repos.createInOrg({ org: 'nobody', name: 'x' })).rejects.toMatchObject({
      status: 404,
    })
  })

  test('hold files by the API', async () => {
    const at = await newRepository()
    const octokit = hub.client()
    const content = Buffer.from('hello\n').toString('base64')
    await expect(octokit.rest.repos.getContent({ ...at, path: 'a/b.txt' })).rejects.toMatchObject({
      status: 404,
    })
    const first = await octokit.rest.repos.createOrUpdateFileContents({
      ...at,
      path: 'a/b.txt',
      message: 'one',
      content,
    })
    expect(first.status).toBe(201)
    const raw = await octokit.rest.repos.getContent({ ...at, path: 'a/b.txt', mediaType: { format: 'raw' } })
    expect(String(raw.data)).toBe('hello\n')
    await expect(
      octokit.rest.repos.createOrUpdateFileContents({ ...at, path: 'a/b.txt', message: 'two', content }),
    ).rejects.toMatchObject({ status: 422 })
    const again = await octokit.rest.repos.createOrUpdateFileContents({
      ...at,
      path: 'a/b.txt',
      message: 'two',
      content: Buffer.from('bye').toString('base64'),
      sha: first.data.content?.sha ?? '',
    })
    expect(again.status).toBe(200)
    expect((await octokit.rest.repos.listCommits(at)).data.map(one => one.commit.message)).toEqual([
      'two',
      'one',
    ])
    expect((await octokit.rest.repos.listBranches(at)).data.map(one => one.name)).toEqual(['main'])
  })
})

describe('environments, variables and secrets', () => {
  test('an environment has reviewers and branches', async () => {
    const at = await newRepository()
    const octokit = hub.client()
    const { data: reviewer } = await octokit.rest.users.getByUsername({ username: 'alice' })
    const environment = { ...at, environment_name: 'prod/aws' }
    await octokit.rest.repos.createOrUpdateEnvironment({
      ...environment,
      reviewers: [{ type: 'User', id: reviewer.id }],
      deployment_branch_policy: { protected_branches: false, custom_branch_policies: true },
    })
    await octokit.rest.repos.createDeploymentBranchPolicy({ ...environment, name: 'main' })
    const { data } = await octokit.rest.repos.getEnvironment(environment)
    expect(data.protection_rules?.map(one => one.type)).toEqual(['required_reviewers', 'branch_policy'])
    expect(
      (await octokit.rest.repos.listDeploymentBranchPolicies(environment)).data.branch_policies.map(
        one => one.name,
      ),
    ).toEqual(['main'])
    expect((await octokit.rest.repos.getAllEnvironments(at)).data.total_count).toBe(1)
    await expect(
      octokit.rest.repos.createOrUpdateEnvironment({ ...environment, reviewers: [{ type: 'User', id: 1 }] }),
    ).rejects.toMatchObject({ status: 422 })
    await octokit.rest.repos.deleteAnEnvironment(environment)
    await expect(octokit.rest.repos.getEnvironment(environment)).rejects.toMatchObject({ status: 404 })
  })

  test('variables of a repository and of an environment', async () => {
    const at = await newRepository()
    const octokit = hub.client()
    await octokit.rest.actions.createRepoVariable({ ...at, name: 'region', value: 'here' })
    await expect(
      octokit.rest.actions.createRepoVariable({ ...at, name: 'REGION', value: 'there' }),
    ).rejects.toMatchObject({ status: 409 })
    await octokit.rest.actions.updateRepoVariable({ ...at, name: 'REGION', value: 'there' })
    expect((await octokit.rest.actions.getRepoVariable({ ...at, name: 'REGION' })).data.value).toBe('there')
    await expect(
      octokit.rest.actions.createRepoVariable({ ...at, name: 'GITHUB_X', value: '' }),
    ).rejects.toMatchObject({ status: 422 })
    await octokit.rest.repos.createOrUpdateEnvironment({ ...at, environment_name: 'dev' })
    await octokit.rest.actions.createEnvironmentVariable({
      ...at,
      environment_name: 'dev',
      name: 'ROLE',
      value: 'r',
    })
    expect(
      (await octokit.rest.actions.listEnvironmentVariables({ ...at, environment_name: 'dev' })).data
        .variables,
    ).toMatchObject([{ name: 'ROLE', value: 'r' }])
    await octokit.rest.actions.deleteRepoVariable({ ...at, name: 'REGION' })
    expect((await octokit.rest.actions.listRepoVariables(at)).data.total_count).toBe(0)
  })

  test('a secret has to be sealed for its place, and is never told again', async () => {
    const at = await newRepository()
    const octokit = hub.client()
    await sodium.ready
    const { data: key } = await octokit.rest.actions.getRepoPublicKey(at)
    const sealed = Buffer.from(sodium.crypto_box_seal('hush', Buffer.from(key.key, 'base64'))).toString(
      'base64',
    )
    const secret = { ...at, secret_name: 'TOKEN' }
    expect(
      (
        await octokit.rest.actions.createOrUpdateRepoSecret({
          ...secret,
          encrypted_value: sealed,
          key_id: key.key_id,
        })
      ).status,
    ).toBe(201)
    expect(
      (
        await octokit.rest.actions.createOrUpdateRepoSecret({
          ...secret,
          encrypted_value: sealed,
          key_id: key.key_id,
        })
      ).status,
    ).toBe(204)
    expect(JSON.stringify((await octokit.rest.actions.getRepoSecret(secret)).data)).not.toContain('hush')
    await expect(
      octokit.rest.actions.createOrUpdateRepoSecret({
        ...secret,
        encrypted_value: Buffer.from('hush').toString('base64'),
        key_id: key.key_id,
      }),
    ).rejects.toMatchObject({ status: 422 })
    await octokit.rest.repos.createOrUpdateEnvironment({ ...at, environment_name: 'dev' })
    await expect(
      octokit.rest.actions.createOrUpdateEnvironmentSecret({
        ...at,
        environment_name: 'dev',
        secret_name: 'TOKEN',
        encrypted_value: sealed,
        key_id: key.key_id,
      }),
    ).rejects.toMatchObject({ status: 422 })
    expect((await octokit.rest.actions.listRepoSecrets(at)).data.total_count).toBe(1)
  })
})

test('settings of Actions, and the subject of tokens', async () => {
  const at = await newRepository()
  const octokit = hub.client()
  await octokit.rest.actions.setGithubActionsPermissionsRepository({
    ...at,
    enabled: true,
    allowed_actions: 'selected',
  })
  await octokit.rest.actions.setAllowedActionsRepository({
    ...at,
    github_owned_allowed: true,
    patterns_allowed: ['aws-actions/*'],
  })
  expect((await octokit.rest.actions.getAllowedActionsRepository(at)).data.patterns_allowed).toEqual([
    'aws-actions/*',
  ])
  const subject = 'GET /repos/{owner}/{repo}/actions/oidc/customization/sub'
  const { data: repository } = await octokit.rest.repos.get(at)
  expect((await octokit.request(subject, at)).data).toMatchObject({
    use_default: true,
    use_immutable_subject: true,
    sub_claim_prefix: `repo:acme@${repository.owner.id}/${at.repo}@${repository.id}`,
  })
  await octokit.rest.actions.setCustomOidcSubClaimForRepo({
    ...at,
    use_default: false,
    include_claim_keys: ['repository_id', 'context'],
  })
  expect((await octokit.request(subject, at)).data).toMatchObject({
    use_default: false,
    include_claim_keys: ['repository_id', 'context'],
  })
})

describe('git', () => {
  test('is pushed and cloned over HTTPS, with the token as password', async () => {
    const at = await newRepository()
    const folder = await hub.push(`acme/${at.repo}`, { 'a.txt': 'one' })
    const { data } = await hub.client().rest.repos.getBranch({ ...at, branch: 'main' })
    expect(data.commit.sha).toBe(await hub.git(folder, 'rev-parse', 'HEAD'))
    await hub.git(folder, 'pull', '--quiet', 'origin', 'main')
  })

  test('refuses a wrong token, hides what is private, and takes no push from those who may only read', async () => {
    const at = await newRepository({ private: false })
    const folder = await hub.push(`acme/${at.repo}`, { 'a.txt': 'one' })
    const as = (token: string) => hub.webUrl.replace('https://', `https://x:${token}@`)
    const alice = await hub.issue({ login: 'alice', scopes: ['repo'] })
    await expect(hub.git(folder, 'push', `${as(alice)}/acme/${at.repo}.git`, 'HEAD:other')).rejects.toThrow(
      /denied to alice/,
    )
    await expect(
      hub.git(folder, 'push', `${as('ghp_wrong')}/acme/${at.repo}.git`, 'HEAD:other'),
    ).rejects.toThrow(/Authentication failed|Invalid username/)
    const hidden = await newRepository()
    await expect(hub.git(folder, 'fetch', `${as(alice)}/acme/${hidden.repo}.git`)).rejects.toThrow(
      /not found/,
    )
  })

  test('keeps what protects a branch', async () => {
    const at = await newRepository()
    const folder = await hub.push(`acme/${at.repo}`, { 'a.txt': 'one' })
    const octokit = hub.client()
    const branch = { ...at, branch: 'main' }
    await expect(octokit.rest.repos.getBranchProtection(branch)).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining('Branch not protected'),
    })
    await octokit.rest.repos.updateBranchProtection({
      ...branch,
      required_status_checks: null,
      enforce_admins: true,
      required_pull_request_reviews: { required_approving_review_count: 1 },
      restrictions: null,
    })
    await hub.git(folder, 'commit', '--quiet', '--allow-empty', '-m', 'two')
    await expect(hub.git(folder, 'push', 'origin', 'HEAD:main')).rejects.toThrow(
      /GH006.*refs\/heads\/main[\s\S]*through a pull request/,
    )
    await octokit.rest.repos.deleteBranchProtection(branch)
    await octokit.rest.repos.createRepoRuleset({
      ...at,
      name: 'main',
      enforcement: 'active',
      conditions: { ref_name: { include: ['~DEFAULT_BRANCH'], exclude: [] } },
      rules: [{ type: 'deletion' }, { type: 'non_fast_forward' }],
    })
    await hub.git(folder, 'push', 'origin', 'HEAD:main')
    await hub.git(folder, 'reset', '--quiet', '--hard', 'HEAD~1')
    await hub.git(folder, 'commit', '--quiet', '--allow-empty', '-m', 'other')
    await expect(hub.git(folder, 'push', '--force', 'origin', 'HEAD:main')).rejects.toThrow(
      /GH013[\s\S]*force-push/,
    )
  })

  test('takes no workflow from a token without that scope', async () => {
    const at = await newRepository()
    const folder = await hub.push(`acme/${at.repo}`, { 'a.txt': 'one' })
    const token = await hub.issue({ scopes: ['repo'] })
    await hub.git(folder, 'checkout', '--quiet', '-b', 'w')
    const { mkdir, writeFile } = await import('node:fs/promises')
    await mkdir(`${folder}/.github/workflows`, { recursive: true })
    await writeFile(`${folder}/.github/workflows/x.yml`, 'on: push\n')
    await hub.git(folder, 'add', '--all')
    await hub.git(folder, 'commit', '--quiet', '-m', 'workflow')
    const url = `${hub.webUrl.replace('https://', `https://x:${token}@`)}/acme/${at.repo}.git`
    await expect(hub.git(folder, 'push', url, 'HEAD:w')).rejects.toThrow(/without `workflow` scope/)
  })
})

test('pull requests, comments and statuses', async () => {
  const at = await newRepository()
  const octokit = hub.client()
  const folder = await hub.push(`acme/${at.repo}`, { 'a.txt': 'one' })
  await hub.git(folder, 'commit', '--quiet', '--allow-empty', '-m', 'two')
  await hub.git(folder, 'push', '--quiet', 'origin', 'HEAD:topic')
  const { data: pull } = await octokit.rest.pulls.create({
    ...at,
    head: 'topic',
    base: 'main',
    title: 'A topic',
  })
  await expect(
    octokit.rest.pulls.create({ ...at, head: 'topic', base: 'main', title: 'A topic' }),
  ).rejects.toMatchObject({ status: 422, message: expect.stringContaining('already exists') })
  const { data: comment } = await octokit.rest.issues.createComment({
    ...at,
    issue_number: pull.number,
    body: 'plan',
  })
  await octokit.rest.issues.updateComment({ ...at, comment_id: comment.id, body: 'a new plan' })
  expect(
    (await octokit.rest.issues.listComments({ ...at, issue_number: pull.number })).data.map(one => one.body),
  ).toEqual(['a new plan'])
  await octokit.rest.repos.createCommitStatus({ ...at, sha: pull.head.sha, state: 'success', context: 'mlp' })
  expect((await octokit.rest.repos.getCombinedStatusForRef({ ...at, ref: 'topic' })).data.state).toBe(
    'success',
  )
  expect((await octokit.rest.pulls.merge({ ...at, pull_number: pull.number })).data.merged).toBe(true)
})
