import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPlayground, type Playground } from '../support/mlp.ts'

const run = promisify(execFile)

/** The guide's own commands, word for word but for names that it leaves to the reader. */
const commands: readonly { readonly tool: string; readonly line: string; readonly shows: RegExp }[] = [
  { tool: 'aws', line: 'aws eks list-clusters --region us-east-1', shows: /ml-platform-dev/ },
  { tool: 'aws', line: 'aws s3 ls', shows: /ml-platform/ },
  {
    tool: 'aws',
    line: 'aws eks update-kubeconfig --name ml-platform-dev --region us-east-1',
    shows: /Added new context|Updated context/,
  },
  { tool: 'aws', line: 'kubectl get ns', shows: /ml-serving/ },
  { tool: 'gcloud', line: 'gcloud container clusters list', shows: /ml-platform-dev/ },
  {
    tool: 'gcloud',
    line: 'gcloud container clusters get-credentials ml-platform-dev --region us-central1',
    shows: /kubeconfig entry generated/,
  },
  { tool: 'gsutil', line: 'gsutil ls', shows: /gs:\/\/.*ml-platform/ },
  { tool: 'az', line: 'az aks list --output table', shows: /ml-platform-aks-dev/ },
  {
    tool: 'az',
    line: `az storage account list --query "[?contains(name, 'mlplatform')]"`,
    shows: /mlplatform/,
  },
  {
    tool: 'kubectl',
    line: 'kubectl --kubeconfig $MLP_KUBECONFIG --context aws-dev get ns',
    shows: /ml-platform/,
  },
  {
    tool: 'kubectl',
    line: 'kubectl --kubeconfig $MLP_KUBECONFIG --context gcp-dev get ns',
    shows: /ml-platform/,
  },
  {
    tool: 'kubectl',
    line: 'kubectl --kubeconfig $MLP_KUBECONFIG --context azure-dev get ns',
    shows: /ml-platform/,
  },
]

const installed = async (tool: string): Promise<boolean> => {
  try {
    await run('sh', ['-c', `command -v ${tool}`])
    return true
  } catch {
    return false
  }
}

describe("the guide's commands with the official CLIs", () => {
  let playground: Playground
  let script = ''
  beforeAll(async () => {
    playground = await createPlayground()
    const up = await playground.mlp(['bootstrap', '--to', '2', '--yes'])
    expect(up.exitCode, up.stderr).toBe(0)
    const env = await playground.mlp(['sandbox', 'env'])
    expect(env.exitCode, env.stderr).toBe(0)
    script = env.stdout
  })
  afterAll(() => playground.dispose())

  for (const { tool, line, shows } of commands) {
    it(line, async context => {
      if (!(await installed(tool))) context.skip(`${tool} is not on this machine`)
      const { stdout, stderr } = await run('bash', ['-c', `set -e\n${script}\n${line}`], {
        cwd: playground.folder,
        env: {
          ...process.env,
          ...playground.env,
          KUBECONFIG: join(playground.folder, 'kubeconfig'),
          MLP_KUBECONFIG: join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev', 'kubeconfig'),
        },
        timeout: 120_000,
      })
      expect(`${stdout}${stderr}`).toMatch(shows)
    })
  }
})
