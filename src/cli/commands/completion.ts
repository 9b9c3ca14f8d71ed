import type { Command } from 'commander'
import { defaultSandboxConfig } from '../../config/defaults.ts'
import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes } from '../../engine/errors.ts'
import { phases } from '../../phases/index.ts'
import type { Io } from '../io.ts'
import type { CompletionOptions } from '../options.ts'
import { createProgram } from '../program.ts'

/** What may follow a command: `path` is empty for mlp itself, `sandbox` and the like below it. */
interface Place {
  readonly path: readonly string[]
  readonly words: readonly Word[]
  /** What may follow a flag, where that is a list. */
  readonly values: ReadonlyMap<string, readonly string[]>
}

interface Word {
  readonly text: string
  readonly about: string
}

/** Prints a script made from the command tree itself. Asks no network; step ids are the default configuration's. */
export async function runCompletion(options: CompletionOptions, io: Io): Promise<ExitCode> {
  const program = createProgram(async () => {}, {
    version: io.version,
    writeOut: () => {},
    writeErr: () => {},
  })
  const steps = phases.flatMap(phase => phase.steps(defaultSandboxConfig()).map(({ id }) => id))
  const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript }
  io.stdout.write(scripts[options.shell](placesOf(program, [], steps)))
  return exitCodes.done
}

function placesOf(command: Command, path: readonly string[], steps: readonly string[]): readonly Place[] {
  const options = [...command.options, ...(command.parent === null ? [] : globalsOf(command))]
  const words: Word[] = [
    ...command.commands.map(child => ({ text: child.name(), about: child.summary() })),
    ...command.registeredArguments.flatMap(({ argChoices }) =>
      (argChoices ?? []).map(text => ({ text, about: '' })),
    ),
    ...options.flatMap(({ long, description }) => (long == null ? [] : [{ text: long, about: description }])),
    { text: '--help', about: 'explain, and do nothing' },
  ]
  const values = new Map<string, readonly string[]>()
  for (const { long, argChoices } of options) {
    if (long == null) continue
    if (argChoices !== undefined) values.set(long, argChoices)
    if (long === '--step') values.set(long, steps)
    if (long === '--cloud') values.set(long, ['aws', 'gcp', 'azure'])
  }
  return [
    { path, words, values },
    ...command.commands.flatMap(child => placesOf(child, [...path, child.name()], steps)),
  ]
}

function globalsOf(command: Command): Command['options'] {
  return command.parent === null ? command.options : globalsOf(command.parent)
}

/** bash looks for the longest command path among the words typed so far. */
function bashScript(places: readonly Place[]): string {
  const cases = places.flatMap(({ path, words, values }) => {
    const key = path.join(' ')
    return [
      ...[...values].map(([flag, list]) => `    '${key}:${flag}') words='${list.join(' ')}' ;;`),
      `    '${key}:'*) words='${words.map(({ text }) => text).join(' ')}' ;;`,
    ]
  })
  const known = places.map(({ path }) => `'${path.join(' ')}'`).join('|')
  return `_mlp() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
    ${known}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path:$previous" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _mlp mlp
`
}

/** zsh runs bash's function through its own adapter. */
function zshScript(places: readonly Place[]): string {
  return `autoload -Uz compinit bashcompinit && compinit && bashcompinit\n${bashScript(places)}`
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, words, values }) => {
    const seen = path.map(name => `__fish_seen_subcommand_from ${name}`).join('; and ')
    const condition = path.length === 0 ? '__fish_use_subcommand' : seen
    return words.map(({ text, about }) => {
      const list = values.get(text)
      const what = text.startsWith('--') ? `-l ${text.slice(2)}` : `-a ${text}`
      const more = list === undefined ? '' : ` -x -a '${list.join(' ')}'`
      return `complete -c mlp -n '${condition}' ${what}${more} -d '${about.replaceAll("'", '’')}'`
    })
  })
  return `complete -c mlp -f\n${lines.join('\n')}\n`
}
