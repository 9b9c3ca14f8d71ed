/** What a test found. `simulated`: what was to be tested is only played there, which is no failure and no proof. */
export type Outcome =
  | { readonly state: 'passed' | 'simulated' | 'skipped'; readonly detail: string }
  | { readonly state: 'failed'; readonly expected: string; readonly got: string }

export function passed(detail: string): Outcome {
  return { state: 'passed', detail }
}

export function simulated(detail: string): Outcome {
  return { state: 'simulated', detail }
}

export function skipped(detail: string): Outcome {
  return { state: 'skipped', detail }
}

export function failed(expected: string, got: string): Outcome {
  return { state: 'failed', expected, got }
}

/** Passed with `detail` when both are the same text, else failed with both. */
export function expectEqual(what: string, expected: string | number, got: string | number): Outcome {
  return expected === got
    ? passed(`${what}: ${got}`)
    : failed(`${what}: ${expected}`, `${what}: ${String(got).slice(0, 300)}`)
}
