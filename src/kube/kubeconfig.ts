import { randomBytes } from 'node:crypto'
import { copyFile, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type Document, isMap, isSeq, parseDocument, YAMLSeq } from 'yaml'
import * as z from 'zod'
import { makeFolder } from '../engine/atomic-file.ts'
import { MlpError } from '../engine/errors.ts'

/** One context with its cluster and user, all three under the context's name. */
export interface KubeContext {
  /** `aws-dev` */
  readonly name: string
  readonly server: string
  readonly certificateAuthorityPem: string
  readonly exec: ExecPlugin
}

/** How kubectl gets a token: by running us, or the cloud's own program. */
interface ExecPlugin {
  /** Version of client.authentication.k8s.io that the program speaks. */
  readonly apiVersion: 'v1' | 'v1beta1'
  readonly command: string
  readonly args: readonly string[]
  /** With `platformVariable`, by which an entry is known as ours. */
  readonly env: Readonly<Record<string, string>>
  /** What kubectl says where there is no such program. */
  readonly installHint?: string
}

/** In an exec plugin's environment: the folder of the platform that a context belongs to. */
export const platformVariable = 'MLP_PLATFORM_FOLDER'

const pluginSchema = z.object({
  user: z.object({
    exec: z.object({
      command: z.string(),
      env: z.array(z.object({ name: z.string(), value: z.string() })),
    }),
  }),
})

const sections = ['clusters', 'users', 'contexts'] as const
type Section = (typeof sections)[number]

/** Where kubectl looks: the first file of KUBECONFIG, else ~/.kube/config. */
export function userKubeconfigPath(environment: NodeJS.ProcessEnv): string {
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).find(path => path !== '')
  return listed ?? join(environment['HOME'] ?? homedir(), '.kube', 'config')
}

/**
 * Adds or replaces `contexts` in a kubeconfig's text and leaves everything else, comments included, as it is. A
 * context, cluster or user of the same name that is not this platform's is MLP4022: nothing is clobbered.
 * Setting contexts twice gives the same text.
 */
export function setContexts(text: string, contexts: readonly KubeContext[], file: string): string {
  const document = parse(text, file)
  const before = entriesOf(document, file)
  for (const context of contexts) {
    const ours = isOurs(before, context.name, context.exec.env[platformVariable])
    for (const section of sections) {
      const entries = sectionOf(document, section, file)
      const index = indexOfName(entries, context.name)
      const entry = document.createNode(entryOf(section, context))
      if (index === undefined) entries.add(entry)
      else if (!ours) throw foreign(context.name, section, file)
      else entries.set(index, entry)
    }
  }
  return document.toString({ lineWidth: 0 })
}

/** Takes the contexts of the platform in `folder` out again, and `current-context` where it names one of them. */
export function removeContexts(text: string, names: readonly string[], folder: string, file: string): string {
  const document = parse(text, file)
  const before = entriesOf(document, file)
  for (const name of names.filter(candidate => isOurs(before, candidate, folder))) {
    for (const section of sections) {
      const entries = sectionOf(document, section, file)
      const index = indexOfName(entries, name)
      if (index !== undefined) entries.delete(index)
    }
    if (document.get('current-context') === name) document.set('current-context', '')
  }
  return document.toString({ lineWidth: 0 })
}

/** How a context stands in a kubeconfig: with its cluster and user exactly as wanted, otherwise, or not at all. */
export function contextState(
  text: string,
  wanted: KubeContext,
  file: string,
): 'as-wanted' | 'other' | 'absent' {
  const entries = read(text, file)
  const found = sections.map(section => {
    const entry = entryNamed(entries[section], wanted.name)
    return entry === undefined ? undefined : JSON.stringify(entry)
  })
  if (found.every(entry => entry === undefined)) return 'absent'
  const same = sections.every((section, index) => found[index] === JSON.stringify(entryOf(section, wanted)))
  return same ? 'as-wanted' : 'other'
}

/** The program that gives a context of ours its tokens; undefined when there is no such context. */
export function contextCommand(text: string, name: string, file: string): string | undefined {
  return ourPlugin(read(text, file), name)?.command
}

/** Writes through a rename with mode 0600; readers see the old text or the new. */
export async function writeKubeconfig(file: string, text: string): Promise<void> {
  await makeFolder(dirname(file))
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The text of a kubeconfig; empty when there is none. MLP4020 when it cannot be read. */
export async function readKubeconfig(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw new MlpError({
      code: 'MLP4020',
      summary: `${file} cannot be read`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: [`ls -l ${file}`, 'Make it readable for your user, then run the same command again.'],
      cause: error,
    })
  }
}

/** Merges into a kubeconfig that others use too, after a copy of it beside it. True when it was changed. */
export async function mergeIntoKubeconfig(file: string, contexts: readonly KubeContext[]): Promise<boolean> {
  return rewrite(file, text => setContexts(text, contexts, file))
}

/** Takes the contexts of the platform in `folder` out of a kubeconfig. True when it was changed. */
export async function removeFromKubeconfig(
  file: string,
  names: readonly string[],
  folder: string,
): Promise<boolean> {
  return rewrite(file, text => (text === '' ? '' : removeContexts(text, names, folder, file)))
}

async function rewrite(file: string, change: (text: string) => string): Promise<boolean> {
  const before = await readKubeconfig(file)
  const after = change(before)
  if (after === before) return false
  // A linked kubeconfig (dotfiles) stays a link.
  const target = before === '' ? file : await realpath(file)
  if (before !== '') await copyFile(target, `${target}.mlp-backup`)
  await writeKubeconfig(target, after)
  return true
}

/** Octal permission bits, or undefined when the file is not there. */
export async function fileMode(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mode & 0o777
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function entryOf(section: Section, context: KubeContext) {
  const { name } = context
  switch (section) {
    case 'clusters':
      return {
        name,
        cluster: {
          server: context.server,
          'certificate-authority-data': Buffer.from(context.certificateAuthorityPem).toString('base64'),
        },
      }
    case 'users':
      return {
        name,
        user: {
          exec: {
            apiVersion: `client.authentication.k8s.io/${context.exec.apiVersion}`,
            command: context.exec.command,
            args: [...context.exec.args],
            env: Object.entries(context.exec.env).map(([key, value]) => ({ name: key, value })),
            ...(context.exec.installHint === undefined ? {} : { installHint: context.exec.installHint }),
            interactiveMode: 'Never',
            provideClusterInfo: true,
          },
        },
      }
    case 'contexts':
      return { name, context: { cluster: name, user: name } }
  }
}

/** What is in a kubeconfig, as plain data. */
type Entries = Readonly<Record<Section, readonly NamedEntry[]>>
type NamedEntry = z.output<typeof namedSchema>

const namedSchema = z.looseObject({ name: z.unknown() })
const contextSchema = z.looseObject({ context: z.looseObject({ user: z.unknown() }) })

function entriesOf(document: Document, file: string): Entries {
  const named = (section: Section) =>
    (foundSection(document, section, file)?.items ?? []).flatMap(item => {
      const entry = namedSchema.safeParse(isMap(item) ? item.toJSON() : undefined)
      return entry.success ? [entry.data] : []
    })
  return { clusters: named('clusters'), users: named('users'), contexts: named('contexts') }
}

/** The last text that was read, and what is in it: the steps of several clouds read one file. */
let lastRead: { readonly text: string; readonly entries: Entries } | undefined

function read(text: string, file: string): Entries {
  if (lastRead?.text !== text) lastRead = { text, entries: entriesOf(parse(text, file), file) }
  return lastRead.entries
}

function entryNamed(entries: readonly NamedEntry[], name: string): NamedEntry | undefined {
  return entries.find(entry => entry.name === name)
}

/** Ours is what names this platform in its plugin's environment; a name alone proves nothing. */
function isOurs(entries: Entries, name: string, folder: string | undefined): boolean {
  const plugin = ourPlugin(entries, name)
  return plugin?.env.some(({ name, value }) => name === platformVariable && value === folder) ?? false
}

function ourPlugin({ contexts, users }: Entries, name: string) {
  const context = contextSchema.safeParse(entryNamed(contexts, name))
  if (context.success && context.data.context.user !== name) return undefined
  return pluginSchema.safeParse(entryNamed(users, name)).data?.user.exec
}

function indexOfName(entries: YAMLSeq, name: string): number | undefined {
  const index = entries.items.findIndex(entry => isMap(entry) && entry.get('name') === name)
  return index === -1 ? undefined : index
}

/** Only looks: a file in which nothing is ours has to stay as it is. */
function foundSection(document: Document, section: Section, file: string): YAMLSeq | undefined {
  const entries = document.get(section)
  if (isSeq(entries)) return entries
  if (entries !== undefined && entries !== null) throw unreadable(file, `${section} is not a list`)
  return undefined
}

function sectionOf(document: Document, section: Section, file: string): YAMLSeq {
  const found = foundSection(document, section, file)
  if (found !== undefined) return found
  const fresh = new YAMLSeq()
  document.set(section, fresh)
  return fresh
}

function parse(text: string, file: string): Document {
  const document = parseDocument(text, { keepSourceTokens: true })
  const [error] = document.errors
  if (error !== undefined) throw unreadable(file, error.message)
  // Empty, or nothing but comments.
  if (document.contents === null) return parse(`${text}apiVersion: v1\nkind: Config\n`, file)
  if (!isMap(document.contents)) throw unreadable(file, 'it is not a mapping')
  return document
}

function unreadable(file: string, problem: string): MlpError {
  return new MlpError({
    code: 'MLP4021',
    summary: `${file} is not a kubeconfig that can be read`,
    detail: problem,
    remedy: [`kubectl config view --kubeconfig ${file}`, 'Repair or remove the file; mlp left it as it is.'],
  })
}

function foreign(name: string, section: Section, file: string): MlpError {
  return new MlpError({
    code: 'MLP4022',
    summary: `${file} already has ${name} in ${section}, and it is not mlp's`,
    detail: `mlp replaces only contexts whose user's plugin has this platform in ${platformVariable}.`,
    remedy: [
      `kubectl config rename-context ${name} ${name}-old --kubeconfig ${file}`,
      `kubectl config view --kubeconfig ${file}`,
    ],
  })
}
