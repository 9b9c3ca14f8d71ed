import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import type { CommandName, ManualPage } from './manual.ts'
import { exitCodesPage, manual } from './manual.ts'

/** Does what a command line asks for; gets the options as commander read them. */
export type Run = (
  command: Exclude<CommandName, 'help'>,
  options: Readonly<Record<string, unknown>>,
) => Promise<void>

export interface ProgramOutput {
  readonly version: string
  readonly writeOut: (text: string) => void
  readonly writeErr: (text: string) => void
  readonly columns?: number | undefined
}

const phaseNames: readonly string[] = [
  'infrastructure',
  'kubernetes',
  'applications',
  'mesh',
  'monitoring',
  'delivery',
  'validation',
  'readiness',
]
const cloudNames = ['aws', 'gcp', 'azure']

/** The command tree. Parses and calls `run`; imports no command and does nothing itself. */
export function createProgram(run: Run, output: ProgramOutput): Command {
  const program = new Command('mlp')
    .description(
      'From nothing to a production-ready ML platform on AWS, Google Cloud and Azure, and back.\n' +
        'Without mlp.yaml it builds the sandbox: three clouds on this machine, free of charge.',
    )
    .version(output.version, '--version', 'print the version')
    .helpOption('-h, --help', 'explain, and do nothing')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: output.writeOut,
      writeErr: output.writeErr,
      getOutHelpWidth: () => output.columns ?? 80,
      getErrHelpWidth: () => output.columns ?? 80,
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(`mlp help` lists commands, `mlp help <command>` explains one)')
  addGlobalOptions(program)

  const start = (name: Exclude<CommandName, 'help'>) => (command: Command, more: object) =>
    run(name, { ...command.optsWithGlobals(), ...more })

  addInit(program, start('init'))
  describe(program.command('login'), manual.login)
    .addArgument(cloudArgument('[cloud]'))
    .action((cloud, _options, command) => start('login')(command, { cloud }))
  describe(program.command('doctor'), manual.doctor)
    .addOption(new Option('--print-policy <cloud>', 'the permissions mlp needs there').choices(cloudNames))
    .action((_options, command) => start('doctor')(command, {}))
  addRange(describe(program.command('plan'), manual.plan)).action((_options, command) =>
    start('plan')(command, {}),
  )
  addBuilding(addConsent(addRange(describe(program.command('bootstrap'), manual.bootstrap)))).action(
    (_options, command) => start('bootstrap')(command, {}),
  )
  addPhase(program, start('phase'))
  addVerify(program, start('verify'))
  describe(program.command('status'), manual.status).action((_options, command) =>
    start('status')(command, {}),
  )
  addConsent(addRange(describe(program.command('teardown'), manual.teardown))).action((_options, command) =>
    start('teardown')(command, {}),
  )
  describe(program.command('report'), manual.report)
    .option('--run <id>', 'this run (default: the last one)')
    .option('--checklist', 'the go-live checklist, as `mlp verify --go-live` saw it')
    .option('--docs <folder>', 'documentation of the platform as it is now, as Markdown and as a site')
    .action((_options, command) => start('report')(command, {}))
  describe(program.command('render'), manual.render)
    .argument('<folder>', 'where to write')
    .action((folder, _options, command) => start('render')(command, { folder }))
  describe(program.command('token'), manual.token)
    .addArgument(cloudArgument('<cloud>'))
    .argument('<cluster>', 'name of the cluster')
    .action((cloud, cluster, _options, command) => start('token')(command, { cloud, cluster }))
  describe(program.command('unlock'), manual.unlock)
    .argument('<id>', 'id of the lock, as the refused run named it')
    .action((id, _options, command) => start('unlock')(command, { id }))
  addSandbox(program, start('sandbox'))
  describe(program.command('completion'), manual.completion)
    .addArgument(new Argument('<shell>', 'whose script').choices(['bash', 'zsh', 'fish']))
    .action((shell, _options, command) => start('completion')(command, { shell }))
  addHelp(program, output)
  return program
}

type Start = (command: Command, more: object) => Promise<void>

function describe(command: Command, page: ManualPage): Command {
  const width = Math.max(...page.examples.map(({ line }) => line.length))
  const examples = page.examples.map(({ line, comment }) => `  ${line.padEnd(width)}  # ${comment}`)
  return command
    .summary(page.summary)
    .description(`${page.summary[0]?.toUpperCase()}${page.summary.slice(1)}.\n${page.effect}`)
    .addHelpText('after', `\nExamples:\n${examples.join('\n')}`)
}

function addGlobalOptions(program: Command): void {
  program
    .option('--config <file>', 'configuration file (default: mlp.yaml here)')
    .addOption(
      new Option('--env <name>', 'environment of mlp.yaml (default: dev)').choices([
        'dev',
        'staging',
        'prod',
      ]),
    )
    .addOption(
      new Option('--target <target>', 'this machine or your accounts (default: as mlp.yaml says)').choices([
        'sandbox',
        'cloud',
      ]),
    )
    .option('--json', 'data on stdout and nothing else there')
    .option('-y, --yes', 'answer safe questions with yes')
    .option('-q, --quiet', 'say only what went wrong')
    .option('-v, --verbose', 'say more, with the tools’ own output')
    .option('--color', 'use colours even where they would be left out')
    .option('--no-color', 'use no colours (as does NO_COLOR)')
}

function addConsent(command: Command): Command {
  return command
    .option('--confirm <project>', 'the project’s name: answers what --yes does not')
    .option('--destroy-data', 'delete buckets, databases and keys too')
    .option('--no-final-snapshot', 'delete data without a last snapshot')
    .option('--allow-replace <address>', 'let this resource be replaced although it holds data', collect)
    .option('--allow-production', 'change the environment prod')
}

function addRange(command: Command): Command {
  return addCloud(command)
    .option('--from <phase>', 'first phase, by number or name', readPhase)
    .option('--to <phase>', 'last phase, by number or name', readPhase)
}

function addCloud(command: Command): Command {
  return command.option('--cloud <names>', 'only these clouds, comma-separated', readClouds)
}

function addBuilding(command: Command): Command {
  return command
    .option('--accept-cost', 'go on above the budget of mlp.yaml, or where the cost is not known')
    .option('--adopt', 'take over what is there already under mlp’s names; teardown leaves it')
    .option('--rollback', 'go back to the pods that ran before where a rollout is stuck')
    .option('--merge-kubeconfig', 'write the contexts into your own kubeconfig too')
    .option(
      '--native-plugins',
      'let kubectl get tokens from the clouds’ own plugins (aws, gke-gcloud-auth-plugin, kubelogin)',
    )
    .option('--no-native-plugins', 'let kubectl get tokens from mlp again')
}

function addInit(program: Command, start: Start): void {
  addCloud(describe(program.command('init'), manual.init))
    .argument('[folder]', 'where to write (default: this folder)')
    .option('--project <name>', 'name of the platform')
    .option('--owner <name>', 'who answers for it')
    .option('--domain <name>', 'domain it is reached under')
    .option('--aws-account <id>', 'AWS account id')
    .option('--aws-region <region>', 'AWS region')
    .option('--gcp-project <id>', 'Google Cloud project id')
    .option('--gcp-region <region>', 'Google Cloud region')
    .option('--azure-subscription <id>', 'Azure subscription id')
    .option('--azure-location <location>', 'Azure location')
    .action((folder, _options, command) => start(command, { folder }))
}

function addPhase(program: Command, start: Start): void {
  addBuilding(addConsent(addCloud(describe(program.command('phase'), manual.phase))))
    .addArgument(phaseArgument('<phase>'))
    .option('--step <id>', 'only this step; may be given several times', collect)
    .option('--lock-wait <time>', 'wait for a lock that another mlp holds, such as 90s or 5m', readDuration)
    .option('--force', 'apply again what looks done')
    .option('--chaos', 'break things on purpose (phase 7)')
    .option(
      '--sign-off <item>',
      'sign an item of the go-live checklist, as ITEM or ITEM=NAME (phase 8)',
      collect,
    )
    .action((phase, _options, command) => start(command, { phase }))
}

function addVerify(program: Command, start: Start): void {
  addCloud(describe(program.command('verify'), manual.verify))
    .addArgument(phaseArgument('[phase]'))
    .option('--wait <time>', 'go on asking until all is healthy, such as 90s or 5m', readDuration)
    .option('--watch', 'go on asking until interrupted')
    .option('--junit <file>', 'write a JUnit report')
    .option('--go-live', 'open items of the manual checklist fail too')
    .option(
      '--support-bundle-on-failure',
      'when a check fails: logs, state and events in one archive, secrets masked',
    )
    .addOption(new Option('--output <kind>', 'short: problems only').choices(['full', 'short']))
    .action((phase, _options, command) => start(command, { phase }))
}

function addSandbox(program: Command, start: Start): void {
  const sandbox = describe(program.command('sandbox'), manual.sandbox).helpCommand(false)
  const actions = {
    start: 'start it, or what of it does not run',
    stop: 'stop its processes; its data stays',
    status: 'what runs, what is real and what is simulated',
    env: 'print the variables that point the official CLIs at it',
    reset: 'stop it and delete its data',
  }
  for (const [action, summary] of Object.entries(actions)) {
    sandbox
      .command(action)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .action((_options, command) => start(command, { action }))
  }
}

function addHelp(program: Command, output: ProgramOutput): void {
  describe(program.command('help'), manual.help)
    .argument('[topic...]', 'a command, exit-codes, errors, or an error code')
    .action(async (topic: string[]) => {
      const page = await extraPage(topic.join(' '), output.columns ?? 80)
      if (page !== undefined) return output.writeOut(page)
      let command = program
      for (const name of topic) {
        const next = command.commands.find(candidate => candidate.name() === name)
        if (next === undefined) {
          const known = command.commands.map(candidate => candidate.name()).join(', ')
          return command.error(
            `error: no help on '${topic.join(' ')}'; there is: ${known}, exit-codes, errors`,
          )
        }
        command = next
      }
      command.outputHelp()
    })
}

/** What help knows beside commands; undefined for anything else. */
async function extraPage(topic: string, columns: number): Promise<string | undefined> {
  if (topic === 'exit-codes') return exitCodesPage
  return (await import('./error-help.ts')).errorHelp(topic, columns)
}

function cloudArgument(name: string): Argument {
  return new Argument(name, 'aws, gcp or azure').choices(cloudNames)
}

function phaseArgument(name: string): Argument {
  return new Argument(name, `1 to 8, or ${phaseNames.join(', ')}`).argParser(readPhase)
}

function readPhase(text: string): number {
  const number = /^[1-8]$/.test(text) ? Number(text) : phaseNames.indexOf(text) + 1
  if (number === 0) throw new InvalidArgumentError(`Phases are 1 to 8, or ${phaseNames.join(', ')}.`)
  return number
}

function readClouds(text: string, before: string[] | undefined): string[] {
  const names = text.split(',')
  const unknown = names.find(name => !cloudNames.includes(name))
  if (unknown !== undefined)
    throw new InvalidArgumentError(`'${unknown}' is none of ${cloudNames.join(', ')}.`)
  return [...new Set([...(before ?? []), ...names])]
}

function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

/** Milliseconds of 90s, 5m, 1h. */
function readDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,6})(s|m|h)$/.exec(text) ?? []
  const factor = { s: 1000, m: 60_000, h: 3_600_000 }[unit ?? '']
  if (amount === undefined || factor === undefined)
    throw new InvalidArgumentError('A time is like 90s, 5m or 1h.')
  return Number(amount) * factor
}
