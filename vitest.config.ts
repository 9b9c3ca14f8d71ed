import { defineConfig } from 'vitest/config'

const quick = { include: ['test/unit/**/*.test.ts'], name: 'unit' }
const sandbox = {
  include: ['sandbox/test/**/*.test.ts', 'test/integration/**/*.test.ts'],
  name: 'sandbox',
  testTimeout: 120_000,
  hookTimeout: 240_000,
}
const services = {
  include: ['services/*/test/**/*.test.ts'],
  name: 'services',
  testTimeout: 30_000,
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
    projects: [quick, sandbox, services, endToEnd, faults].map(test => ({ test })),
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text-summary', 'json-summary'] },
  },
})
