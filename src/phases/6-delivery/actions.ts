/**
 * The actions that workflows use, by the commit of their newest release. Established by reading the tags of
 * github.com/actions/checkout and github.com/actions/setup-node (clones of August 2026).
 */
export const pinnedActions = {
  CHECKOUT: { use: 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1', release: 'v7.0.1' },
  SETUP_NODE: { use: 'actions/setup-node@820762786026740c76f36085b0efc47a31fe5020', release: 'v7.0.0' },
} as const
