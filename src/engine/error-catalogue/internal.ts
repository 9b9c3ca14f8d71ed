import type { Entries } from './entry.ts'

export const internalErrors = {
  MLP9000: {
    title: 'A bug in mlp',
    meaning: 'Something happened that nobody foresaw. What was done before is recorded.',
    owner: 'mlp-authors',
    retryable: true,
    remedy: 'Run the same command again; it goes on from there. Please report it with the file in the error.',
    exitCode: 1,
  },
} satisfies Entries<9>
