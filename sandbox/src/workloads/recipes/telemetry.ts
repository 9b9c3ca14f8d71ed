import type { ToolName } from '../../../../src/tools/toolchain/toolchain.ts'
import type { Recipe } from './recipe.ts'

/** The images of templates/monitoring/telemetry, each of the version that toolchain/versions.json has. */
function image(repository: string, tag: string, program: string, tool: ToolName): Recipe {
  return {
    what: `${tool} ${tag.replace(/^v/, '')}`,
    images: `^${`${repository}:${tag}`.replaceAll('.', '\\.')}(@sha256:[0-9a-f]{64})?$`,
    programs: { [program]: tool },
    entrypoint: [program],
    user: '10001:10001',
    environment: {},
  }
}

export const telemetryRecipes: readonly Recipe[] = [
  image('docker.io/otel/opentelemetry-collector-contrib', '0.165.1', '/otelcol-contrib', 'otel-collector'),
  image('docker.io/victoriametrics/victoria-logs', 'v1.52.1', '/victoria-logs-prod', 'victoria-logs'),
  {
    // Jaeger itself takes many minutes to build.
    ...image('docker.io/jaegertracing/jaeger', '2.13.0', '/cmd/jaeger/jaeger-linux', 'trace-store'),
    what: 'a stand-in for Jaeger 2.13.0 (takes traces, and finds them by their ids)',
  },
]
