#!/usr/bin/env node
// Writes docs/errors.md, or the file that is named, and TROUBLESHOOTING.md beside it: node scripts/errors-page.mjs [FILE]
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorRanges } from '../src/engine/error-catalogue/catalogue.ts'
import { troubleshootingPage } from './troubleshooting-page.mjs'

const owners = {
  operator: 'the operator',
  'cloud-administrator': 'the administrator of the cloud account',
  'mlp-authors': 'the authors of mlp',
}

const page = `# Errors

Every error that mlp foresees has a code. A code means one thing, wherever it is thrown, and is never given to another; its heading here is its anchor, \`docs/errors.md#mlp1001\`. The message itself says what happened in the case at hand and what to do there; this page says what is always true. \`mlp help MLP1001\` prints the same without a network, and \`mlp help errors\` lists all.

An error in \`--json\` output carries \`code\`, \`owner\` (who can put it right) and \`retryable\` (whether the same command, with nothing changed, may succeed). Exit codes are those of a command that ends with the error; a run of steps in which some failed exits with 3, with 6 when a lock was the reason of one, and with 5 when all that failed were refused.

Made by \`node scripts/errors-page.mjs\` from src/engine/error-catalogue; a test compares.

${errorRanges
  .map(
    ({ digit, name, about, errors }) =>
      `- [MLP${digit}xxx ${name}](#${name.toLowerCase()}): ${about}; ${Object.keys(errors).length} codes`,
  )
  .join('\n')}
${errorRanges.map(({ name, errors }) => `\n## ${name}\n${Object.entries(errors).map(section).join('')}`).join('')}`

/** @param {[string, import('../src/engine/error-catalogue/entry.ts').CatalogueEntry]} entry */
function section([code, { title, meaning, owner, retryable, remedy, exitCode }]) {
  return `
### ${code}

**${title}.** ${meaning}

- What to do: ${remedy}
- Who can put it right: ${owners[owner]}
- The same command again: ${retryable ? 'may succeed by itself' : 'ends the same way, until something is changed'}
- Exit code: ${exitCode}
`
}

const file = process.argv[2] ?? join(import.meta.dirname, '..', 'docs', 'errors.md')
await writeFile(file, page)
await writeFile(join(dirname(file), 'TROUBLESHOOTING.md'), troubleshootingPage())
