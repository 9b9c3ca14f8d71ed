/** What help says of a command beside its flags. */
export interface ManualPage {
  readonly summary: string
  /** Whether it changes things or costs money. */
  readonly effect: string
  readonly examples: readonly Example[]
}

interface Example {
  readonly line: string
  readonly comment: string
}

const changesNothing = 'Changes nothing and costs nothing.'

/** Every command, in the order of help. Each example is parsed by test/unit/cli/program.test.ts. */
export const manual = {
  init: {
    summary: 'write mlp.yaml and a git repository around it',
    effect: 'Writes files into one folder; asks nothing of a cloud and costs nothing.',
    examples: [
      { line: 'mlp init', comment: 'asks what it cannot find out, in this folder' },
      { line: 'mlp init my-platform --yes', comment: 'takes every default, in a new folder' },
      {
        line: 'mlp init --yes --project fraud-ml --cloud aws --aws-account 111122223333',
        comment: 'one cloud, from a script',
      },
    ],
  },
  login: {
    summary: 'prove who you are in each cloud, or say how to sign in',
    effect:
      'Changes nothing and costs nothing. Opens no browser: it names the command of the cloud’s own tool that does.',
    examples: [
      { line: 'mlp login', comment: 'every cloud of mlp.yaml; exit 4 when one is not signed in' },
      { line: 'mlp login aws', comment: 'one cloud' },
      {
        line: 'mlp login gcp --env prod --json',
        comment: 'the account of another environment, for a script',
      },
    ],
  },
  doctor: {
    summary: 'check tools, versions and credentials, with remedies',
    effect: changesNothing,
    examples: [
      { line: 'mlp doctor', comment: 'everything that a bootstrap will need, quotas too' },
      { line: 'mlp doctor --target cloud', comment: 'with your own accounts' },
      { line: 'mlp doctor --json', comment: 'for a script; exit 4 when a check fails' },
    ],
  },
  plan: {
    summary: 'show what would be done, why, and what the quotas leave room for',
    effect: changesNothing,
    examples: [
      { line: 'mlp plan', comment: 'all phases' },
      { line: 'mlp plan --from 2', comment: 'from phase 2 on' },
      { line: 'mlp plan --cloud aws --json', comment: 'one cloud, as JSON' },
    ],
  },
  bootstrap: {
    summary: 'build the platform, or go on where the last run stopped',
    effect:
      'Changes things; on the cloud target it costs money. First asks credentials, quotas, cost and production consent.',
    examples: [
      { line: 'mlp bootstrap --yes', comment: 'without mlp.yaml: three clouds on this machine' },
      { line: 'mlp bootstrap --to 2', comment: 'infrastructure and Kubernetes only' },
      { line: 'mlp bootstrap --cloud aws,gcp', comment: 'two of the clouds' },
      { line: 'mlp bootstrap --env prod --allow-production --yes --json', comment: 'from a pipeline' },
    ],
  },
  phase: {
    summary: 'run one phase, by number or name',
    effect: 'Changes things; on the cloud target it may cost money.',
    examples: [
      { line: 'mlp phase kubernetes --cloud azure', comment: 'phase 2 on one cloud' },
      { line: 'mlp phase 2 --step 2.aws.namespaces --force', comment: 'one step, although it looks done' },
      {
        line: 'mlp phase 3 --rollback',
        comment: 'deploy; pods that do not come up give way to those before',
      },
      { line: 'mlp phase 2 --adopt', comment: 'take over objects that were there before mlp' },
    ],
  },
  verify: {
    summary: 'check that what was built is there and works',
    effect: changesNothing,
    examples: [
      { line: 'mlp verify', comment: 'everything that is applied' },
      { line: 'mlp verify 1 --cloud gcp', comment: 'one phase on one cloud' },
      { line: 'mlp verify --wait 5m --output short', comment: 'until healthy, problems only' },
      {
        line: 'mlp verify --junit verify.xml --support-bundle-on-failure',
        comment: 'a report for CI, and all that helps when it is red',
      },
    ],
  },
  status: {
    summary: 'show what is done, and the next command',
    effect: changesNothing,
    examples: [
      { line: 'mlp status', comment: 'the environment dev' },
      { line: 'mlp status --env prod', comment: 'another environment' },
      { line: 'mlp status --json', comment: 'for a script' },
    ],
  },
  teardown: {
    summary: 'take the platform down and prove that nothing is left',
    effect: 'Deletes things. Data (buckets, databases) is kept unless --destroy-data is given.',
    examples: [
      { line: 'mlp teardown', comment: 'asks for the project’s name first' },
      { line: 'mlp teardown --confirm ml-platform', comment: 'from a script' },
      { line: 'mlp teardown --cloud azure --confirm ml-platform', comment: 'one cloud' },
      {
        line: 'mlp teardown --confirm ml-platform --destroy-data --no-final-snapshot',
        comment: 'data too, with no last snapshot: no undo',
      },
    ],
  },
  report: {
    summary: 'write the last run as an HTML page, or documentation of the platform',
    effect:
      'Writes one file beside the log of the run, and asks no cloud. With --docs it asks clouds and clusters, writes into one folder, and notes in the cluster that it did. Costs nothing.',
    examples: [
      { line: 'mlp report', comment: 'the last run' },
      { line: 'mlp report --run 20260101T100000Z-1a2b3c', comment: 'an earlier run' },
      { line: 'mlp report --checklist', comment: 'the go-live checklist, with its evidence' },
      { line: 'mlp report --docs docs/platform', comment: 'runbooks, API, architecture, as a site, too' },
    ],
  },
  render: {
    summary: 'write every file that mlp would apply, for reading',
    effect: 'Writes files into one folder; asks no cloud and costs nothing.',
    examples: [
      { line: 'mlp render out', comment: 'into the folder out' },
      { line: 'mlp render out --env prod', comment: 'as production would get it' },
      { line: 'mlp render out --target cloud', comment: 'as the real clouds would get it' },
    ],
  },
  token: {
    summary: 'print a cluster token; kubectl calls this',
    effect: changesNothing,
    examples: [
      { line: 'mlp token aws ml-platform-dev', comment: 'an EKS token' },
      { line: 'mlp token gcp ml-platform-dev', comment: 'a GKE token' },
      { line: 'mlp token azure ml-platform-aks-dev', comment: 'an AKS token' },
    ],
  },
  unlock: {
    summary: 'remove the lock of a run that is dead',
    effect: 'Removes one lock, and only when its holder is proved dead or you agree.',
    examples: [
      { line: 'mlp unlock 7f3c', comment: 'the id that the refused run named' },
      { line: 'mlp unlock 7f3c --yes', comment: 'without a question' },
      { line: 'mlp unlock 7f3c --env prod', comment: 'in another environment' },
    ],
  },
  sandbox: {
    summary: 'three clouds on this machine: start, stop, status, env, reset',
    effect: 'Starts and stops processes of this machine; reset deletes the sandbox’s data. Costs nothing.',
    examples: [
      { line: 'mlp sandbox status', comment: 'what runs, what is real, what is simulated' },
      { line: 'eval "$(mlp sandbox env)"', comment: 'point aws, gcloud and az at it' },
      { line: 'mlp sandbox reset --yes', comment: 'remove it with its data' },
    ],
  },
  completion: {
    summary: 'print a completion script for your shell',
    effect: changesNothing,
    examples: [
      { line: 'source <(mlp completion bash)', comment: 'in ~/.bashrc' },
      { line: 'source <(mlp completion zsh)', comment: 'in ~/.zshrc' },
      { line: 'mlp completion fish', comment: 'into ~/.config/fish/completions/mlp.fish' },
    ],
  },
  help: {
    summary: 'explain a command, exit-codes, errors or an error’s code',
    effect: changesNothing,
    examples: [
      { line: 'mlp help bootstrap', comment: 'one command' },
      { line: 'mlp help sandbox reset', comment: 'a command of a command' },
      { line: 'mlp help exit-codes', comment: 'what each exit code means' },
      { line: 'mlp help MLP3001', comment: 'what an error means, and what to do' },
    ],
  },
} as const satisfies Record<string, ManualPage>

export type CommandName = keyof typeof manual

export const exitCodesPage = `Exit codes
  0    done
  1    a bug in mlp
  2    usage or configuration
  3    a step failed; the other clouds went on
  4    a check failed (verify, doctor, login)
  5    a gate refused, and nothing was changed; the message names the flag that answers it
  6    locked by another run
  130  interrupted; the same command goes on
  143  terminated; the same command goes on
`
