import { errorRanges } from '../src/engine/error-catalogue/catalogue.ts'
import { occasions } from './symptoms.mjs'

/** What docs/TROUBLESHOOTING.md says. Throws for a symptom that names a code twice, or one that is not there. */
export function troubleshootingPage() {
  const titles = new Map(
    errorRanges.flatMap(({ errors }) => Object.entries(errors).map(([code, { title }]) => [code, title])),
  )
  const placed = occasions.flatMap(({ symptoms }) => symptoms.flatMap(({ codes }) => codes))
  const wrong = placed.filter((code, index) => !titles.has(code) || placed.indexOf(code) !== index)
  if (wrong.length > 0)
    throw new Error(`scripts/symptoms.mjs: ${wrong.join(', ')} twice, or not in the catalogue`)
  const others = [...titles.keys()].filter(code => !placed.includes(code))
  /** @param {string} code */
  const line = code => `- [${code}](errors.md#${code.toLowerCase()}): ${titles.get(code)}`
  /** @param {import('./symptoms.mjs').Symptom} symptom */
  const section = ({ see, first, look = [], codes }) =>
    [
      `### ${see}`,
      '',
      first,
      ...(look.length === 0 ? [] : ['', '```sh', ...look, '```']),
      '',
      ...codes.map(line),
      '',
    ].join('\n')
  return `# Troubleshooting

By what you see, in the order in which a platform is built. Where the message has a code, \`mlp help CODE\` explains it, and [errors.md](errors.md) holds all: what happened, why, what to do, and who can do it. Every code stands here once, below the symptom that it usually comes with.

Made by \`node scripts/errors-page.mjs\` from scripts/symptoms.mjs and the catalogue of errors; a test compares.

## First, whatever it is

\`\`\`sh
mlp status
mlp doctor
mlp verify --output short
mlp report
\`\`\`

\`mlp status\` says how far the platform is and which command comes next; \`mlp doctor\` whether this machine and your accounts are ready; \`mlp verify\` what is not as it should be, with the cause first and what only follows from it as \`blocked\` ([steps.md](steps.md) says what breaks when a check fails); \`mlp report\` makes a page of the last run, whose log lies beside it in \`.mlp/TARGET/PROJECT-ENV/runs/\`.

To ask somebody else, \`mlp verify --support-bundle-on-failure\` writes one archive, for this user only, with checks, state, the last runs' logs, versions, and each cluster's events, pods and nodes. Secrets are masked in it, and kubeconfigs, tokens and terraform's files left out; read it before you give it away all the same: names and addresses are in it.

Then run the same command again: every command goes on where the last one stopped.

${occasions.map(({ when, symptoms }) => `## ${when}\n\n${symptoms.map(section).join('\n')}`).join('\n')}${others.length === 0 ? '' : `\n## Other codes\n\n${others.map(line).join('\n')}\n`}`
}
