import sodium from 'libsodium-wrappers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { control } from './core-daemon-process.ts'
import { type SandboxWithGithub, startSandboxWithGithub } from './github-fixture.ts'
import { jobsOf, logOf, newRepository, outcome, runOf } from './github-runs.ts'

let hub: SandboxWithGithub
beforeAll(async () => {
  hub = await startSandboxWithGithub()
})
afterAll(() => hub.stop())

const file = '.github/workflows/deploy.yml'

test('a push runs a workflow: outputs, conditions, environment, a matrix, and what needs it', async () => {
  const at = await newRepository(hub)
  const octokit = hub.client()
  await octokit.rest.actions.createRepoVariable({ ...at, name: 'GREETING', value: 'hello' })
  await octokit.rest.repos.createOrUpdateEnvironment({ ...at, environment_name: 'dev' })
  await octokit.rest.actions.createEnvironmentVariable({
    ...at,
    environment_name: 'dev',
    name: 'ROLE',
    value: 'reader',
  })
  await sodium.ready
  const { data: key } = await octokit.rest.actions.getRepoPublicKey(at)
  await octokit.rest.actions.createOrUpdateRepoSecret({
    ...at,
    secret_name: 'PASSWORD',
    key_id: key.key_id,
    encrypted_value: Buffer.from(
      sodium.crypto_box_seal('open-sesame', Buffer.from(key.key, 'base64')),
    ).toString('base64'),
  })
  await hub.push(`acme/${at.repo}`, {
    'a.txt': 'content\n',
    [file]: `
name: Deploy
run-name: Deploy by \${{ github.actor }}
on:
  push:
    branches: [main]
    paths-ignore: ['docs/**']
permissions:
  contents: read
env:
  LEVEL: workflow
jobs:
  build:
    runs-on: ubuntu-latest
    env:
      LEVEL: job
    outputs:
      image: \${{ steps.image.outputs.digest }}
      clouds: \${{ steps.image.outputs.clouds }}
    steps:
      - uses: actions/checkout@v4
      - name: Image
        id: image
        env:
          PASSWORD: \${{ secrets.PASSWORD }}
        run: |
          cat a.txt
          echo "greeting \${{ vars.GREETING }} level $LEVEL password $PASSWORD"
          echo "digest=sha256:1" >> "$GITHUB_OUTPUT"
          { echo 'clouds<<END'; echo '["aws","gcp"]'; echo END; } >> "$GITHUB_OUTPUT"
          echo "FROM_FILE=yes" >> "$GITHUB_ENV"
          mkdir "$RUNNER_TEMP/bin" && printf '#!/bin/sh\\necho from path\\n' > "$RUNNER_TEMP/bin/tool" && chmod +x "$RUNNER_TEMP/bin/tool"
          echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
          echo '### built' >> "$GITHUB_STEP_SUMMARY"
      - run: |
          tool
          echo "env \${{ env.FROM_FILE }} $FROM_FILE"
          echo "::warning title=Careful::look out"
          echo "::add-mask::topsecret"
          echo "now topsecret is hidden"
      - name: Never
        if: failure()
        run: exit 1
      - name: May fail
        continue-on-error: true
        run: exit 3
  deploy:
    name: Deploy to \${{ matrix.cloud }}
    needs: build
    runs-on: ubuntu-latest
    environment: dev
    strategy:
      fail-fast: false
      max-parallel: 1
      matrix:
        cloud: \${{ fromJSON(needs.build.outputs.clouds) }}
    steps:
      - run: echo "\${{ matrix.cloud }} \${{ needs.build.outputs.image }} \${{ vars.ROLE }}"
      - if: matrix.cloud == 'gcp'
        run: echo only gcp
  after:
    needs: deploy
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo "deploy was \${{ needs.deploy.result }}"
`,
  })
  const { run, jobs, logs, conclusions } = await outcome(hub, at)
  expect({ conclusion: run.conclusion, conclusions }).toEqual({
    conclusion: 'success',
    conclusions: {
      build: 'success',
      'Deploy to aws': 'success',
      'Deploy to gcp': 'success',
      after: 'success',
    },
  })
  expect(run).toMatchObject({
    event: 'push',
    head_branch: 'main',
    display_title: 'Deploy by mlp-operator',
    path: file,
  })
  expect(logs['build']).toContain('content')
  expect(logs['build']).toContain('greeting hello level job password ***')
  expect(logs['build']).not.toContain('open-sesame')
  expect(logs['build']).toMatch(/from path[\s\S]*env yes yes[\s\S]*now \*\*\* is hidden/)
  expect(jobs[0]?.steps?.map(step => [step.name, step.conclusion])).toEqual([
    ['Set up job', 'success'],
    ['Run actions/checkout@v4', 'success'],
    ['Image', 'success'],
    ['Run tool', 'success'],
    ['Never', 'skipped'],
    ['May fail', 'success'],
    ['Complete job', 'success'],
  ])
  expect(logs['Deploy to aws']).toContain('aws sha256:1 reader')
  expect(logs['Deploy to gcp']).toContain('only gcp')
  expect(logs['Deploy to aws']).not.toContain('only gcp')
  expect(logs['after']).toContain('deploy was success')
  const { data: notes } = await octokit.rest.checks.listAnnotations({ ...at, check_run_id: jobs[0]?.id ?? 0 })
  expect(notes).toContainEqual(
    expect.objectContaining({ annotation_level: 'warning', title: 'Careful', message: 'look out' }),
  )
  expect(
    (await octokit.rest.checks.get({ ...at, check_run_id: jobs[0]?.id ?? 0 })).data.output.summary,
  ).toContain('### built')
  expect((await octokit.rest.repos.listDeployments({ ...at, environment: 'dev' })).data).toHaveLength(2)
})

test('a failing step fails its run and its log says why; what needs it is skipped; a rerun of what failed does it again', async () => {
  const at = await newRepository(hub)
  await hub.push(`acme/${at.repo}`, {
    [file]: `
on: push
jobs:
  fine:
    runs-on: ubuntu-latest
    steps: [{ run: echo fine }]
  broken:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo before
          ls /does/not/exist
          echo never
      - run: echo not reached
      - if: failure()
        run: echo attempt \${{ github.run_attempt }}
  later:
    needs: [fine, broken]
    runs-on: ubuntu-latest
    steps: [{ run: echo later }]
`,
  })
  const first = await outcome(hub, at)
  expect(first.run.conclusion).toBe('failure')
  expect(first.conclusions).toEqual({ fine: 'success', broken: 'failure', later: 'skipped' })
  expect(first.logs['broken']).toMatch(
    /before[\s\S]*\/does\/not\/exist[\s\S]*##\[error\]Process completed with exit code 2\.[\s\S]*attempt 1/,
  )
  expect(first.logs['broken']).not.toMatch(/Z never$/m)
  await hub.client().rest.actions.reRunWorkflowFailedJobs({ ...at, run_id: first.run.id })
  await runOf(hub, at)
  const second = await outcome(hub, at)
  expect(second.run.run_attempt).toBe(2)
  expect(second.logs['broken']).toContain('attempt 2')
  expect(second.conclusions).toEqual({ fine: 'success', broken: 'failure', later: 'skipped' })
})

describe('what may run', () => {
  test('waits for the reviewers of its environment, on whatever daemon, and goes on when they approve', async () => {
    const at = await newRepository(hub)
    const octokit = hub.client()
    const { data: alice } = await octokit.rest.users.getByUsername({ username: 'alice' })
    await octokit.rest.repos.addCollaborator({ ...at, username: 'alice' })
    await octokit.rest.repos.createOrUpdateEnvironment({
      ...at,
      environment_name: 'prod',
      reviewers: [{ type: 'User', id: alice.id }],
    })
    await hub.push(`acme/${at.repo}`, {
      [file]:
        'on: push\njobs:\n  deploy:\n    runs-on: x\n    environment: prod\n    steps: [{ run: echo deployed }]\n',
    })
    const run = await runOf(hub, at, 'waiting')
    await hub.restart()
    const { data: pending } = await octokit.rest.actions.getPendingDeploymentsForRun({
      ...at,
      run_id: run.id,
    })
    expect(pending).toMatchObject([{ environment: { name: 'prod' }, current_user_can_approve: false }])
    const review = {
      ...at,
      run_id: run.id,
      environment_ids: [pending[0]?.environment.id ?? 0],
      state: 'approved' as const,
      comment: 'go',
    }
    await expect(octokit.rest.actions.reviewPendingDeploymentsForRun(review)).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining('not a reviewer'),
    })
    await hub
      .client(await hub.issue({ login: 'alice', scopes: ['repo'] }))
      .rest.actions.reviewPendingDeploymentsForRun(review)
    expect((await outcome(hub, at)).logs['deploy']).toContain('deployed')
  })

  test('is refused from a branch that may not deploy', async () => {
    const at = await newRepository(hub)
    const octokit = hub.client()
    const environment = { ...at, environment_name: 'prod' }
    await octokit.rest.repos.createOrUpdateEnvironment({
      ...environment,
      deployment_branch_policy: { protected_branches: false, custom_branch_policies: true },
    })
    await octokit.rest.repos.createDeploymentBranchPolicy({ ...environment, name: 'release/*' })
    await hub.push(`acme/${at.repo}`, {
      [file]:
        'on: push\njobs:\n  deploy:\n    runs-on: x\n    environment: prod\n    steps: [{ run: echo deployed }]\n',
    })
    const { run, jobs } = await outcome(hub, at)
    expect(run.conclusion).toBe('failure')
    const { data } = await octokit.rest.checks.listAnnotations({ ...at, check_run_id: jobs[0]?.id ?? 0 })
    expect(data[0]?.message).toContain('Branch "main" is not allowed to deploy to prod')
  })

  test('is asked for by hand, with inputs', async () => {
    const at = await newRepository(hub)
    const octokit = hub.client()
    await hub.push(`acme/${at.repo}`, {
      [file]: `on:\n  workflow_dispatch:\n    inputs:\n      level: { type: choice, options: [low, high], default: low }\njobs:\n  a:\n    runs-on: x\n    steps: [{ run: "echo level \${{ inputs.level }}" }]\n`,
    })
    const dispatch = { ...at, workflow_id: 'deploy.yml', ref: 'main' }
    await expect(
      octokit.rest.actions.createWorkflowDispatch({ ...dispatch, inputs: { level: 'middle' } }),
    ).rejects.toMatchObject({ status: 422 })
    await expect(
      octokit.rest.actions.createWorkflowDispatch({ ...dispatch, ref: 'nowhere' }),
    ).rejects.toMatchObject({ status: 422, message: expect.stringContaining('No ref found') })
    await octokit.rest.actions.createWorkflowDispatch({ ...dispatch, inputs: { level: 'high' } })
    const { run, logs } = await outcome(hub, at)
    expect(run.event).toBe('workflow_dispatch')
    expect(logs['a']).toContain('level high')
  })

  test('by a schedule, and for a pull request', async () => {
    const at = await newRepository(hub)
    const folder = await hub.push(`acme/${at.repo}`, {
      '.github/workflows/verify.yml':
        "on:\n  schedule: [{ cron: '0 4 * * *' }]\njobs:\n  verify:\n    runs-on: x\n    steps: [{ run: echo verified }]\n",
      '.github/workflows/plan.yml': `on: pull_request\npermissions: { contents: read, pull-requests: write, issues: write }\njobs:\n  plan:\n    runs-on: x\n    steps:\n      - run: |\n          curl --silent --fail --cacert "$SSL_CERT_FILE" -H "Authorization: Bearer \${{ github.token }}" -H "user-agent: test" -d '{"body":"the plan"}' "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/\${{ github.event.number }}/comments"\n`,
    })
    expect((await hub.client().rest.actions.listWorkflowRunsForRepo(at)).data.total_count).toBe(0)
    await control(hub.home, 'POST', '/github/schedules', { repository: `acme/${at.repo}` })
    expect((await outcome(hub, at)).logs['verify']).toContain('verified')
    await hub.git(folder, 'commit', '--quiet', '--allow-empty', '-m', 'topic')
    await hub.git(folder, 'push', '--quiet', 'origin', 'HEAD:topic')
    const { data: pull } = await hub
      .client()
      .rest.pulls.create({ ...at, head: 'topic', base: 'main', title: 'T' })
    const run = await runOf(hub, at, 'completed', 2)
    const [job] = await jobsOf(hub, at, run.id)
    expect([run.event, run.conclusion, await logOf(hub, at, job?.id ?? 0)]).toEqual([
      'pull_request',
      'success',
      expect.any(String),
    ])
    expect(
      (await hub.client().rest.issues.listComments({ ...at, issue_number: pull.number })).data,
    ).toMatchObject([{ body: 'the plan', user: { login: 'github-actions[bot]' } }])
  })

  test('a workflow that cannot be read says what is wrong', async () => {
    const at = await newRepository(hub)
    await hub.push(`acme/${at.repo}`, { [file]: 'on: push\njobs:\n  a:\n    runs-on: x\n    stepz: []\n' })
    expect((await runOf(hub, at)).conclusion).toBe('startup_failure')
  })

  test('an action that the runner has not, and a token that may not, fail with a clear log', async () => {
    const at = await newRepository(hub)
    await hub.push(`acme/${at.repo}`, {
      [file]: `
on: push
permissions: {}
jobs:
  unknown:
    runs-on: x
    steps: [{ uses: 'acme/strange@v1' }]
  pwsh:
    runs-on: x
    steps: [{ run: 'echo', shell: pwsh }]
  token:
    runs-on: x
    steps:
      - run: |
          curl --silent --cacert "$SSL_CERT_FILE" -H "Authorization: Bearer \${{ github.token }}" -H "user-agent: test" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/actions/variables"
      - run: test -z "$ACTIONS_ID_TOKEN_REQUEST_URL$AWS_ACCESS_KEY_ID$AZURE_CLIENT_SECRET$GOOGLE_APPLICATION_CREDENTIALS$GH_TOKEN"
`,
    })
    const { logs, conclusions } = await outcome(hub, at)
    expect(conclusions).toEqual({ unknown: 'failure', pwsh: 'failure', token: 'success' })
    expect(logs['unknown']).toContain("Unable to resolve action 'acme/strange@v1'")
    expect(logs['pwsh']).toContain('has no pwsh')
    expect(logs['token']).toContain('Resource not accessible by integration')
  })
})

const long =
  'on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n          sleep 987654 &\n          echo $! > pid\n          echo started\n          wait\n      - if: always()\n        run: echo cleaned\n'

describe('what is ended', () => {
  test('by hand: its processes with it, and what runs always still does', async () => {
    const at = await newRepository(hub)
    await hub.push(`acme/${at.repo}`, { [file]: long })
    const run = await runOf(hub, at, 'in_progress')
    await hub.client().rest.actions.cancelWorkflowRun({ ...at, run_id: run.id })
    const { conclusions, logs } = await outcome(hub, at)
    expect(conclusions).toEqual({ a: 'cancelled' })
    expect(logs['a']).toContain('The operation was canceled')
    await expect(
      hub.client().rest.actions.cancelWorkflowRun({ ...at, run_id: run.id }),
    ).rejects.toMatchObject({ status: 409 })
  })

  test('by time', async () => {
    const at = await newRepository(hub)
    await hub.push(`acme/${at.repo}`, {
      [file]:
        'on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{ run: sleep 987654, timeout-minutes: 0.01 }]\n',
    })
    const { conclusions, logs } = await outcome(hub, at)
    expect(conclusions).toEqual({ a: 'failure' })
    expect(logs['a']).toContain('has timed out after 0.01 minutes')
  })

  test('by the end of the daemon: said so, and nothing of it goes on', async () => {
    const at = await newRepository(hub)
    await hub.push(`acme/${at.repo}`, { [file]: long })
    const run = await runOf(hub, at, 'in_progress')
    await hub.restart()
    const ended = await runOf(hub, at)
    expect(ended.conclusion).toBe('failure')
    const [job] = await jobsOf(hub, at, run.id)
    const { data } = await hub.client().rest.checks.listAnnotations({ ...at, check_run_id: job?.id ?? 0 })
    expect(data).toMatchObject([{ title: 'Interrupted' }])
  })

  test('by a newer one of its group', async () => {
    const at = await newRepository(hub)
    await hub.push(`acme/${at.repo}`, {
      [file]: long.replace('on: push', 'on: push\nconcurrency: { group: one, cancel-in-progress: true }'),
    })
    await runOf(hub, at, 'in_progress')
    await hub.push(`acme/${at.repo}`, {
      [file]:
        'on: push\nconcurrency: { group: one, cancel-in-progress: true }\njobs:\n  a:\n    runs-on: x\n    steps: [{ run: echo second }]\n',
    })
    const run = await runOf(hub, at, 'completed', 2)
    expect(run.conclusion).toBe('success')
    const { data } = await hub.client().rest.actions.listWorkflowRunsForRepo(at)
    expect(data.workflow_runs.map(one => one.conclusion)).toEqual(['success', 'cancelled'])
  })
})
