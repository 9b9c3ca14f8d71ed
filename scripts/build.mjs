// Bundles src/ into dist/: one entry, a chunk for each lazily imported command, and the libraries with them. A bundled
// SDK loads in a third of the time: Node finds and reads a few files instead of some thousand.
import { execFileSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')

/**
 * Node's own modules are got without an import statement: for one of those Node reads every export there is, and to read
 * `WebSocket` of node:http loads the whole of its fetch, which takes as long as all else that a start does.
 */
const builtins = {
  name: 'builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, kind }) =>
      isBuiltin(path) && kind !== 'entry-point' ? { path, namespace: 'builtin' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }))
  },
}

await rm(join(root, 'dist'), { recursive: true, force: true })
await build({
  entryPoints: { mlp: join(root, 'src/cli/main.ts') },
  outdir: join(root, 'dist'),
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  mainFields: ['module', 'main'],
  // CommonJS that reads files beside itself.
  external: ['@google-cloud/container'],
  plugins: [builtins],
  logLevel: 'warning',
})

// The help text that bin/mlp.js shows at once; made by the bundle itself, so it cannot differ from it.
const help = execFileSync(process.execPath, [join(root, 'bin/mlp.js'), '--help'], { encoding: 'utf8' })
await writeFile(join(root, 'dist/help.txt'), help)
