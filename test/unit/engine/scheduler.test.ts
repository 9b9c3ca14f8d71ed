import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildGraph, type GraphNode, needsOf, parseLimit, reversed } from '../../../src/engine/graph.ts'
import { type NodeEnd, schedule } from '../../../src/engine/scheduler.ts'

describe('graph', () => {
  const cases: readonly [string, readonly GraphNode[], RegExp][] = [
    [
      'an id twice',
      [
        { id: 'a', needs: [] },
        { id: 'a', needs: [] },
      ],
      /two steps have the id a/,
    ],
    ['an unknown need', [{ id: 'a', needs: ['b'] }], /a needs b, which no step has/],
    ['a step that needs itself', [{ id: 'a', needs: ['a'] }], /in a circle: a -> a/],
    [
      'a cycle, without the way into it',
      [
        { id: 'start', needs: ['a'] },
        { id: 'a', needs: ['b'] },
        { id: 'b', needs: ['c'] },
        { id: 'c', needs: ['a'] },
      ],
      /in a circle: a -> b -> c -> a$/,
    ],
    [
      'a cycle, without what hangs on it',
      [
        { id: 'a', needs: ['x', 'b'] },
        { id: 'x', needs: [] },
        { id: 'b', needs: ['a'] },
      ],
      /in a circle: a -> b -> a$/,
    ],
    [
      'a limit with two counts',
      [
        { id: 'a', needs: [], limits: ['build:2'] },
        { id: 'b', needs: [], limits: ['build'] },
      ],
      /the limit build is declared as 2 and, by b, as 1/,
    ],
  ]
  test.each(cases)('refuses %s', (_, nodes, message) => {
    expect(() => buildGraph(nodes)).toThrow(message)
  })

  test('reads limits: the count is after the last colon, and one without it', () => {
    expect(parseLimit('terraform:aws')).toEqual({ name: 'terraform:aws', count: 1 })
    expect(parseLimit('image-build:12')).toEqual({ name: 'image-build', count: 12 })
    expect(parseLimit('image-build:0')).toEqual({ name: 'image-build:0', count: 1 })
  })

  test('turned round, what needs a step comes before it', () => {
    const graph = reversed(
      buildGraph([
        { id: 'a', needs: [] },
        { id: 'b', needs: ['a'] },
        { id: 'c', needs: ['a', 'b'] },
      ]),
    )
    expect(graph.ordered.map(({ id }) => id)).toEqual(['c', 'b', 'a'])
    expect(graph.byId.get('a')?.needs).toEqual(expect.arrayContaining(['b', 'c']))
  })

  test('turned round, what comes after a step comes before it, and is still no need', () => {
    const graph = reversed(
      buildGraph([
        { id: 'late', needs: [], after: ['early', 'elsewhere'] },
        { id: 'early', needs: [] },
      ]),
    )
    expect(graph.ordered.map(({ id }) => id)).toEqual(['late', 'early'])
    expect(graph.byId.get('early')).toMatchObject({ needs: [], after: ['late'] })
  })
})

interface RandomNode extends GraphNode {
  readonly fails: boolean
  readonly turns: number
}

/** Graphs without cycles: a node needs only earlier ones; given in any order. */
const randomGraph = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(), { maxLength: 3 }),
      after: fc.array(fc.nat(), { maxLength: 2 }),
      limits: fc.subarray(['one', 'two:2', 'three:3']),
      fails: fc.boolean().map(fails => fails),
      rare: fc.nat(4),
      turns: fc.nat(4),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((raw): readonly RandomNode[] =>
    raw.map((node, index) => ({
      id: `n${index}`,
      needs: index === 0 ? [] : [...new Set(node.needs.map(need => `n${need % index}`))],
      // One that is not in the graph is done without.
      after: ['elsewhere', ...(index === 0 ? [] : node.after.map(earlier => `n${earlier % index}`))],
      limits: node.limits,
      fails: node.fails && node.rare === 0,
      turns: node.turns,
    })),
  )
  .chain(nodes => fc.shuffledSubarray([...nodes], { minLength: nodes.length, maxLength: nodes.length }))

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

describe('schedule, for any graph', () => {
  test('order respects needs, limits are never exceeded, and exactly the failures’ followers are blocked', async () => {
    await fc.assert(
      fc.asyncProperty(randomGraph, fc.integer({ min: 1, max: 5 }), async (nodes, concurrency) => {
        const graph = buildGraph(nodes)
        const ends = new Map<string, string>()
        const running = new Set<string>()
        const end = (id: string, how: string): void => {
          expect(ends.has(id), `${id} ends once`).toBe(false)
          ends.set(id, how)
        }
        await schedule({
          graph,
          concurrency,
          signal: new AbortController().signal,
          async run(node): Promise<NodeEnd> {
            for (const need of node.needs) expect(ends.get(need)).toBe('ok')
            for (const earlier of node.after ?? []) expect(graph.byId.has(earlier)).toBe(ends.has(earlier))
            running.add(node.id)
            expect(running.size).toBeLessThanOrEqual(concurrency)
            for (const [limit, count] of [
              ['one', 1],
              ['two:2', 2],
              ['three:3', 3],
            ] as const) {
              const holders = [...running].filter(id => graph.byId.get(id)?.limits?.includes(limit))
              expect(holders.length).toBeLessThanOrEqual(count)
            }
            await turns(node.turns)
            running.delete(node.id)
            end(node.id, node.fails ? 'failed' : 'ok')
            return node.fails ? 'failed' : 'ok'
          },
          onBlocked(node, cause) {
            expect(node.needs).toContain(cause)
            expect(['failed', 'blocked']).toContain(ends.get(cause))
            end(node.id, 'blocked')
          },
        })
        for (const node of nodes) {
          const others = [...needsOf(graph, node.id)].filter(id => id !== node.id)
          const blocked = others.some(id => graph.byId.get(id)?.fails)
          expect(ends.get(node.id)).toBe(blocked ? 'blocked' : node.fails ? 'failed' : 'ok')
        }
      }),
      { numRuns: 300 },
    )
  })

  test('independent nodes do run side by side', async () => {
    const bothRun = Promise.withResolvers<void>()
    let running = 0
    await schedule({
      graph: buildGraph([
        { id: 'a', needs: [] },
        { id: 'b', needs: [] },
      ]),
      concurrency: 2,
      signal: new AbortController().signal,
      async run(): Promise<NodeEnd> {
        running += 1
        if (running === 2) bothRun.resolve()
        await bothRun.promise
        return 'ok'
      },
      onBlocked: () => undefined,
    })
    expect(running).toBe(2)
  })

  test('after an interrupt nothing starts, what runs is waited for, and nothing is called blocked', async () => {
    await fc.assert(
      fc.asyncProperty(randomGraph, fc.nat(6), async (nodes, abortAt) => {
        const controller = new AbortController()
        const started: string[] = []
        let finished = 0
        await schedule({
          graph: buildGraph(nodes.map(node => ({ ...node, fails: false }))),
          concurrency: 3,
          signal: controller.signal,
          async run(node): Promise<NodeEnd> {
            expect(controller.signal.aborted).toBe(false)
            started.push(node.id)
            if (started.length > abortAt) controller.abort()
            await turns(node.turns)
            finished += 1
            return 'ok'
          },
          onBlocked: node => expect.fail(`${node.id} is not blocked by an interrupt`),
        })
        expect(finished).toBe(started.length)
      }),
      { numRuns: 100 },
    )
  })

  test('a run() that rejects is a bug: told only after everything that runs has ended, starting nothing more', async () => {
    let other = 'not started'
    const outcome = schedule({
      graph: buildGraph([
        { id: 'bug', needs: [] },
        { id: 'other', needs: [] },
        { id: 'after', needs: ['other'] },
      ]),
      concurrency: 4,
      signal: new AbortController().signal,
      async run({ id }): Promise<NodeEnd> {
        if (id === 'bug') throw new Error('oops')
        other = `${id} started`
        await turns(5)
        other = `${id} ended`
        return 'ok'
      },
      onBlocked: () => undefined,
    })
    await expect(outcome).rejects.toThrow('oops')
    expect(other).toBe('other ended')
  })
})
