import type { Entries } from './entry.ts'

/** Phase 6: GitHub, the pipeline and mlp.lock. */
export const deliveryErrors = {
  MLP5301: {
    title: 'There is no token for GitHub',
    meaning:
      'Phase 6 makes things on GitHub, and neither GH_TOKEN nor `gh auth token` has a token. Nothing was changed.',
    owner: 'operator',
    retryable: false,
    remedy: '`gh auth login --scopes repo,workflow`, or set GH_TOKEN.',
    exitCode: 5,
  },
  MLP5303: {
    title: 'GitHub does not accept the token',
    meaning: 'It is wrong, has expired or was revoked. Nothing was changed with it.',
    owner: 'operator',
    retryable: false,
    remedy: '`gh auth login --scopes repo,workflow`, or set GH_TOKEN to another token.',
    exitCode: 5,
  },
  MLP5304: {
    title: 'GitHub cannot be asked',
    meaning: 'It was not reached, or answered with a fault of its own. What was done before stays.',
    owner: 'operator',
    retryable: true,
    remedy: 'Run the same command again; look at https://www.githubstatus.com.',
    exitCode: 3,
  },
  MLP5305: {
    title: 'GitHub refuses something',
    meaning: 'It understood the question and says no; its own words are in the detail.',
    owner: 'operator',
    retryable: false,
    remedy: 'Do what the detail says, then run the same command again.',
    exitCode: 3,
  },
  MLP5306: {
    title: 'GitHub does not take the push',
    meaning: 'The branch is protected, or moved on meanwhile. Nothing was overwritten.',
    owner: 'operator',
    retryable: false,
    remedy: 'Let the token’s owner push to the branch, or name another one under `delivery.branch`.',
    exitCode: 3,
  },
  MLP5307: {
    title: 'A run of the pipeline did not end well',
    meaning:
      'The workflow ran and failed; the failing step’s log is in the detail. A cloud whose deployment failed was rolled back by it.',
    owner: 'operator',
    retryable: true,
    remedy: 'Mend what the log names, then run the same command again.',
    exitCode: 3,
  },
  MLP5308: {
    title: 'The repository on GitHub cannot be used',
    meaning:
      'Its owner does not exist, it is archived, or its tokens for OIDC are made in a way that mlp cannot bind to.',
    owner: 'operator',
    retryable: false,
    remedy: 'Name another one under `delivery.repository`.',
    exitCode: 3,
  },
  MLP5309: {
    title: 'A secret for the pipeline is not known',
    meaning:
      '`delivery.credentials: keys` takes the guide’s secrets from the environment of whoever runs mlp, once.',
    owner: 'operator',
    retryable: false,
    remedy:
      'Set the variable and run the same command again, or set `delivery.credentials: workload-identity`, which needs no keys.',
    exitCode: 5,
  },
  MLP5311: {
    title: 'mlp.lock cannot be understood',
    meaning: 'It was damaged, or another version of mlp wrote it. Nothing was changed.',
    owner: 'operator',
    retryable: false,
    remedy: 'Take it from the last commit that had it right.',
    exitCode: 2,
  },
  MLP5312: {
    title: 'The pipeline does not start',
    meaning: 'The push arrived, and no run of the workflow appeared. Actions may be off for the repository.',
    owner: 'operator',
    retryable: true,
    remedy: 'Turn Actions on in the repository’s settings, then run the same command again.',
    exitCode: 3,
  },
  MLP5313: {
    title: 'An environment on GitHub belongs to somebody else',
    meaning:
      'It is there under the name that mlp uses and was not made by this platform. It was left as it is.',
    owner: 'operator',
    retryable: false,
    remedy: '`--adopt` takes it over: mlp sets its protection and its variables, and teardown leaves it.',
    exitCode: 5,
  },
} as const satisfies Entries<5>
