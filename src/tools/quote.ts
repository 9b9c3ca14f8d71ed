import type { Mask } from './masking.ts'

/** Names of variables that hold secrets by the habit of the tools we run, whatever their value. */
const secretName = /TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|ACCESS_KEY|API_KEY|PRIVATE_KEY/i

export interface QuotedCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly cwd?: string | undefined
}

/**
 * The command as one line that can be pasted into a POSIX shell, with its folder and what it adds to the
 * environment. A variable that holds a secret is written NAME="$NAME": set it before pasting. A secret anywhere else
 * is masked.
 */
export function quoteCommand({ file, args, env = {}, cwd }: QuotedCommand, mask: Mask): string {
  const removed = Object.keys(env).filter(name => env[name] === undefined)
  const set = Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined) return []
    const secret = secretName.test(name) || mask(value) !== value
    return [`${name}=${secret ? `"$${name}"` : quote(value)}`]
  })
  const words = [
    ...(removed.length === 0 ? [] : ['env', ...removed.flatMap(name => ['-u', name])]),
    ...set,
    ...[file, ...args].map(word => quote(mask(word))),
  ]
  return [...(cwd === undefined ? [] : [`cd ${quote(cwd)}`]), words.join(' ')].join(' && ')
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
