const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan'])
const grouping = /\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/gi

/** The metrics that a PromQL expression asks for. That it is PromQL at all, promtool says. */
export function metricNames(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(/"(\\.|[^"\\])*"/g, '""')
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(grouping, ' ')
    // What follows a group_left without labels, and numbers with an exponent.
    .replaceAll(/\bgroup_(left|right)\b/g, ' ')
    .replaceAll(/\b\d[\w.]*/g, ' ')
  const found = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)].map(([name]) => name)
  return [...new Set(found)].filter(name => !words.has(name.toLowerCase()))
}
