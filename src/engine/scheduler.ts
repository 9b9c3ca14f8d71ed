import { type Graph, type GraphNode, parseLimit } from './graph.ts'

export type NodeEnd = 'ok' | 'failed' | 'interrupted'

export interface ScheduleOptions<Node extends GraphNode> {
  readonly graph: Graph<Node>
  /** How many nodes may run at a time. */
  readonly concurrency: number
  /** Once aborted nothing more is started; what runs is waited for. */
  readonly signal: AbortSignal
  /** Must not reject: a node's failure is its answer. */
  readonly run: (node: Node) => Promise<NodeEnd>
  /** A node that will not run because `cause`, which it needs directly or through others, did not end well. */
  readonly onBlocked: (node: Node, cause: string) => void
}

/**
 * Runs a graph of nodes as lanes: a node starts as soon as all it needs ended well, all it comes
 * after ended, and its limits have room. A node
 * that fails blocks exactly what needs it, transitively; everything else goes on. Nodes never reached because of an
 * interrupt are neither run nor blocked. Rejects only when `run` or `onBlocked` throws, which is a bug, and then only
 * after everything that runs has ended.
 */
export async function schedule<Node extends GraphNode>(options: ScheduleOptions<Node>): Promise<void> {
  const { graph, signal } = options
  const waiting = new Map(graph.ordered.map(node => [node.id, node]))
  const ended = new Map<string, NodeEnd | 'blocked'>()
  const running = new Map<string, Promise<void>>()
  const held = new Map<string, number>()
  const bugs: unknown[] = []

  // Read once: a thousand nodes are looked at a thousand times.
  const limits = new Map(graph.ordered.map(node => [node.id, (node.limits ?? []).map(parseLimit)]))

  const hold = (node: Node, by: 1 | -1): void => {
    for (const name of new Set(limits.get(node.id)?.map(each => each.name)))
      held.set(name, (held.get(name) ?? 0) + by)
  }
  const hasRoom = (node: Node): boolean =>
    running.size < options.concurrency &&
    (limits.get(node.id) ?? []).every(({ name, count }) => (held.get(name) ?? 0) < count)
  const start = (node: Node): void => {
    waiting.delete(node.id)
    hold(node, 1)
    running.set(node.id, settle(node))
  }
  const settle = async (node: Node): Promise<void> => {
    try {
      ended.set(node.id, await options.run(node))
    } catch (error) {
      bugs.push(error)
      ended.set(node.id, 'failed')
    } finally {
      hold(node, -1)
      running.delete(node.id)
    }
  }

  for (;;) {
    // In order of needs, so that one pass carries a failure through a whole lane.
    for (const node of waiting.values()) {
      const cause = node.needs.find(need => ended.get(need) === 'failed' || ended.get(need) === 'blocked')
      if (cause !== undefined) {
        waiting.delete(node.id)
        ended.set(node.id, 'blocked')
        options.onBlocked(node, cause)
      } else if (
        !signal.aborted &&
        bugs.length === 0 &&
        node.needs.every(need => ended.get(need) === 'ok') &&
        (node.after ?? []).every(earlier => ended.has(earlier) || !graph.byId.has(earlier)) &&
        hasRoom(node)
      ) {
        start(node)
      }
    }
    if (running.size === 0) break
    await Promise.race(running.values())
  }
  if (bugs.length > 0) throw bugs[0]
}
