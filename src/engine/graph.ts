/** What the graph needs to know of a step. */
export interface GraphNode {
  readonly id: string
  readonly needs: readonly string[]
  /** Comes after these where they are in the graph, however they end; those that are not are done without. */
  readonly after?: readonly string[]
  readonly limits?: readonly string[]
}

export interface Graph<Node extends GraphNode> {
  /** In an order in which every node comes after all that it needs or comes after; otherwise as given. */
  readonly ordered: readonly Node[]
  readonly byId: ReadonlyMap<string, Node>
  /** How many nodes may hold each limit at a time. */
  readonly limits: ReadonlyMap<string, number>
}

/**
 * Orders steps by what they need. Throws a plain Error, which is a bug of whoever wrote the steps, for an id given
 * twice, a need that no step has, a cycle, and a limit that is declared with different counts.
 */
export function buildGraph<Node extends GraphNode>(nodes: readonly Node[]): Graph<Node> {
  const byId = new Map<string, Node>()
  for (const node of nodes) {
    if (byId.has(node.id)) throw new Error(`two steps have the id ${node.id}`)
    byId.set(node.id, node)
  }
  return { ordered: orderByNeeds(nodes, byId), byId, limits: collectLimits(nodes) }
}

/** The node and everything it needs, transitively. */
export function needsOf<Node extends GraphNode>(graph: Graph<Node>, id: string): ReadonlySet<string> {
  const found = new Set<string>()
  const pending = [id]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (found.has(next)) continue
    found.add(next)
    pending.push(...(graph.byId.get(next)?.needs ?? []))
  }
  return found
}

/** The same ids with every need turned round, so that what needs a step goes before it. */
export function reversed(graph: Graph<GraphNode>): Graph<GraphNode> {
  const turned = (edges: (node: GraphNode) => readonly string[]) => {
    const from = new Map<string, string[]>()
    for (const node of graph.ordered) {
      for (const to of edges(node)) from.set(to, [...(from.get(to) ?? []), node.id])
    }
    return from
  }
  const neededBy = turned(({ needs }) => needs)
  const before = turned(({ after }) => after ?? [])
  return buildGraph(
    graph.ordered.toReversed().map(({ id, limits }) => ({
      id,
      needs: neededBy.get(id) ?? [],
      after: before.get(id) ?? [],
      limits: limits ?? [],
    })),
  )
}

/** `name` is one at a time; `name:count` is that many. */
export function parseLimit(limit: string): { readonly name: string; readonly count: number } {
  const counted = /^(?<name>.+):(?<count>[1-9]\d*)$/.exec(limit)?.groups
  return counted === undefined
    ? { name: limit, count: 1 }
    : { name: counted['name'] ?? limit, count: Number(counted['count']) }
}

function collectLimits(nodes: readonly GraphNode[]): ReadonlyMap<string, number> {
  const limits = new Map<string, number>()
  for (const node of nodes) {
    for (const limit of node.limits ?? []) {
      const { name, count } = parseLimit(limit)
      const known = limits.get(name)
      if (known !== undefined && known !== count) {
        throw new Error(`the limit ${name} is declared as ${known} and, by ${node.id}, as ${count}`)
      }
      limits.set(name, count)
    }
  }
  return limits
}

function orderByNeeds<Node extends GraphNode>(
  nodes: readonly Node[],
  byId: ReadonlyMap<string, Node>,
): readonly Node[] {
  const ordered: Node[] = []
  const finished = new Set<string>()
  const path: string[] = []
  const visit = (node: Node): void => {
    if (finished.has(node.id)) return
    if (path.includes(node.id)) {
      throw new Error(
        `steps need each other in a circle: ${[...path.slice(path.indexOf(node.id)), node.id].join(' -> ')}`,
      )
    }
    path.push(node.id)
    for (const need of node.needs) {
      const needed = byId.get(need)
      if (needed === undefined) throw new Error(`${node.id} needs ${need}, which no step has as its id`)
      visit(needed)
    }
    for (const earlier of node.after ?? []) {
      const found = byId.get(earlier)
      if (found !== undefined) visit(found)
    }
    path.pop()
    finished.add(node.id)
    ordered.push(node)
  }
  for (const node of nodes) visit(node)
  return ordered
}
