// Bundles src/ into dist/: one entry, a chunk for each lazily imported command, and the small libraries with it.
// Cloud SDKs and the Kubernetes client stay outside: they are large, and each is imported only when it is used.
import { execFileSync } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const bundled = new Set(['chalk', 'commander', 'execa', 'listr2', 'yaml', 'zod', '@inquirer/prompts'])
const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

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
  external: Object.keys(dependencies).filter(name => !bundled.has(name)),
  // Bundled CommonJS libraries call require for Node's own modules.
  banner: {
    js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
})

// The help text that bin/mlp.js shows at once; made by the bundle itself, so it cannot differ from it.
const help = execFileSync(process.execPath, [join(root, 'bin/mlp.js'), '--help'], { encoding: 'utf8' })
await writeFile(join(root, 'dist/help.txt'), help)
