import { branchOf, type HubEvent, refsOfPull } from '../hub.ts'
import type { EventFilter, Workflow } from './workflow.ts'

/** Whether an event starts a workflow. https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows */
export function isTriggered(workflow: Workflow, event: HubEvent): boolean {
  if (!(event.name in workflow.on)) return false
  const filter = workflow.on[event.name] ?? {}
  if (event.name === 'push') return fitsRef(filter, event.ref) && fitsPaths(filter, event)
  if (event.name !== 'pull_request') return true
  const types = filter.types ?? ['opened', 'synchronize', 'reopened']
  return types.includes(event.action ?? '') && fitsBase(filter, event) && fitsPaths(filter, event)
}

type Filter = NonNullable<EventFilter>

function fitsRef(filter: Filter, ref: string): boolean {
  const isTag = ref.startsWith('refs/tags/')
  const name = branchOf(ref)
  const { branches, tags } = filter
  const [yes, no] = isTag ? [tags, filter['tags-ignore']] : [branches, filter['branches-ignore']]
  if (yes !== undefined) return chosen(yes, name)
  if (no !== undefined) return !chosen(no, name)
  // Filters of one kind leave the other kind out.
  const others = isTag ? [branches, filter['branches-ignore']] : [tags, filter['tags-ignore']]
  return others.every(one => one === undefined)
}

function fitsBase(filter: Filter, event: HubEvent): boolean {
  const name = refsOfPull(event.payload).base
  if (filter.branches !== undefined) return chosen(filter.branches, name)
  return filter['branches-ignore'] === undefined || !chosen(filter['branches-ignore'], name)
}

function fitsPaths(filter: Filter, event: HubEvent): boolean {
  if (event.ref.startsWith('refs/tags/')) return true
  const { paths } = filter
  if (paths !== undefined) return event.files.some(file => chosen(paths, file))
  const ignored = filter['paths-ignore']
  return ignored === undefined || event.files.some(file => !chosen(ignored, file))
}

/** The last pattern that fits decides; `!` takes out again. */
export function chosen(patterns: readonly string[], name: string): boolean {
  return patterns.reduce(
    (is, pattern) =>
      pattern.startsWith('!') ? is && !fits(pattern.slice(1), name) : is || fits(pattern, name),
    false,
  )
}

/** https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet */
function fits(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[.^${}()|\\]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*/g, part => (part === '**/' ? '(?:.*/)?' : part === '**' ? '.*' : '[^/]*'))
  return new RegExp(`^${source}$`).test(name)
}
