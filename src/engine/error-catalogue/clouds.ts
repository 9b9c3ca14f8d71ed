import type { Entries } from './entry.ts'

export const cloudErrors = {
  MLP3001: {
    title: 'The cloud does not accept the credentials',
    meaning: 'They are missing, expired, for another cloud, or the clock of this machine is wrong.',
    owner: 'operator',
    retryable: false,
    remedy: 'Sign in again with the cloud’s own CLI; `mlp doctor` says who you are in each cloud.',
    exitCode: 3,
  },
  MLP3002: {
    title: 'The cloud cannot be reached',
    meaning: 'No answer came from its API: no network, a proxy in between, or a sandbox that does not run.',
    owner: 'operator',
    retryable: true,
    remedy:
      'Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY); for the sandbox, `mlp sandbox status`.',
    exitCode: 3,
  },
  MLP3003: {
    title: 'The cloud denied permission',
    meaning: 'The identity is known, and may not do or see this, or not in this account.',
    owner: 'cloud-administrator',
    retryable: false,
    remedy:
      'Give the identity the permission that the cloud names, and check that the account in mlp.yaml is the right one.',
    exitCode: 3,
  },
  MLP3004: {
    title: 'A quota is used up, or there is no capacity',
    meaning: 'The cloud would do it, but not as much of it, or not there.',
    owner: 'cloud-administrator',
    retryable: false,
    remedy: 'Ask the cloud for more, or choose another machine type or region in mlp.yaml.',
    exitCode: 3,
  },
  MLP3005: {
    title: 'The cloud keeps throttling',
    meaning: 'It refused because of too many requests or too much load, also after every retry.',
    owner: 'operator',
    retryable: true,
    remedy: 'Wait a few minutes, then run the same command again; it goes on where it stopped.',
    exitCode: 3,
  },
  MLP3006: {
    title: 'The cloud refused a request',
    meaning:
      'It understood the request and did not carry it out, for a reason that mlp has no better word for.',
    owner: 'operator',
    retryable: false,
    remedy: 'Read what the cloud says in the error, change it, and run the same command again.',
    exitCode: 3,
  },
  MLP3007: {
    title: 'The cloud’s answer cannot be understood',
    meaning:
      'Something answered in a shape that the API does not document: a new version, or a proxy in its place.',
    owner: 'mlp-authors',
    retryable: true,
    remedy: 'Run the same command again; if it stays, report it with the log of the run.',
    exitCode: 3,
  },
  MLP3008: {
    title: 'A long operation did not come to a good end',
    meaning: 'The cloud accepted it, and then it failed there or was not finished within mlp’s patience.',
    owner: 'operator',
    retryable: true,
    remedy: 'Look at it in the cloud’s console, then run the same command again; what is done stays done.',
    exitCode: 3,
  },
  MLP3009: {
    title: 'An API is not enabled in the account',
    meaning:
      'Google Cloud keeps each API off until it is enabled; `1.gcp.prepare` does that for those that mlp needs.',
    owner: 'operator',
    retryable: false,
    remedy: 'mlp phase 1 --cloud gcp',
    exitCode: 3,
  },
  MLP3010: {
    title: 'Somebody else’s resource has the name',
    meaning:
      'What terraform is to create exists, and does not carry this platform’s id. It was left as it is.',
    owner: 'operator',
    retryable: false,
    remedy: 'Choose another project name in mlp.yaml, or remove or rename the other one by hand.',
    exitCode: 3,
  },
  MLP3011: {
    title: 'The account has no billing',
    meaning: 'The cloud creates none of what the platform needs until somebody pays; mlp cannot decide who.',
    owner: 'cloud-administrator',
    retryable: false,
    remedy: 'Link a billing account to the project, then run the same command again.',
    exitCode: 3,
  },
  MLP3012: {
    title: 'The cloud has no such machine type there',
    meaning:
      'A type that mlp.yaml names does not exist, is not offered in the region, or not to this account.',
    owner: 'operator',
    retryable: false,
    remedy: 'Choose another type or another region in mlp.yaml; the error has the command that lists them.',
    exitCode: 3,
  },
  MLP3013: {
    title: 'GitHub gives a job no token to sign in with',
    meaning:
      'mlp runs in a job of the pipeline and signs in to the clouds by what GitHub says of that job; GitHub did not say it.',
    owner: 'operator',
    retryable: true,
    remedy: 'The job needs `permissions: id-token: write`; mlp phase 6 writes workflows that have it.',
    exitCode: 3,
  },
} satisfies Entries<3>
