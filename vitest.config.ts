import { defineConfig } from 'vitest/config'

// Properties take a second or two; a machine that is busy elsewhere is no reason to fail.
const quick = { include: ['test/unit/**/*.test.ts'], name: 'unit', testTimeout: 60_000 }
const sandbox = {
  include: ['sandbox/test/*.test.ts', 'test/integration/**/*.test.ts'],
  name: 'sandbox',
  testTimeout: 120_000,
  hookTimeout: 240_000,
}
const fidelity = {
  include: ['sandbox/test/fidelity/*.test.ts'],
  name: 'fidelity',
  testTimeout: 120_000,
  hookTimeout: 600_000,
  fileParallelism: false,
}
const services = {
  include: ['services/*/test/**/*.test.ts'],
  name: 'services',
  testTimeout: 60_000,
  // Emulators that are built first take minutes.
  hookTimeout: 600_000,
}
const endToEnd = {
  include: ['test/e2e/**/*.test.ts'],
  name: 'e2e',
  testTimeout: 600_000,
  hookTimeout: 900_000,
  fileParallelism: false,
}
const faults = {
  include: ['test/faults/**/*.test.ts'],
  name: 'faults',
  testTimeout: 1_800_000,
  hookTimeout: 900_000,
  fileParallelism: false,
}

export default defineConfig({
  test: {
    // A deadline is there for what never comes; a second is none on a machine that is busy elsewhere.
    projects: [quick, sandbox, fidelity, services, endToEnd, faults].map(suite => ({
      // An engine that happens to answer on a machine changes how images are made, which tests tell by what is said.
      test: { ...suite, env: { MLP_IMAGE_BUILDER: 'daemonless' }, expect: { poll: { timeout: 30_000 } } },
    })),
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reportOnFailure: true,
      // scripts/test.mjs prints it.
      reporter: ['json-summary'],
      // What decides and what remembers has to be right without a cloud to try it on.
      thresholds: {
        'src/engine/**': { branches: 90 },
        'src/config/**': { branches: 90 },
      },
    },
  },
})
