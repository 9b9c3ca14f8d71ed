import { execFile, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { startServing, temporaryFolder } from './support.ts'

// `pip install schemathesis` puts it on the PATH; CI does so.
const isMissing = spawnSync('schemathesis', ['--version']).status !== 0
const skipped = isMissing ? ' (skipped: there is no schemathesis on the PATH)' : ''
const token = 'a-token-for-the-tests'

const conformance = ['status_code_conformance', 'content_type_conformance', 'response_schema_conformance']

/** Fails with what schemathesis found. It is run in the document's folder, where it leaves a cache. */
async function fuzz(document: string, url: string, ...options: string[]): Promise<void> {
  const args = [
    'run',
    document,
    '--url',
    url,
    '--phases',
    'examples,coverage,fuzzing',
    '--seed',
    '1',
    '--no-color',
  ]
  const header = ['--header', `Authorization: Bearer ${token}`]
  const { status, stdout, stderr } = await new Promise<{
    status: number | null
    stdout: string
    stderr: string
  }>(resolve => {
    const child = execFile(
      'schemathesis',
      [...args, ...header, ...options],
      { cwd: dirname(document) },
      (_, stdout, stderr) => resolve({ status: child.exitCode, stdout, stderr }),
    )
  })
  expect(status, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/\d+ generated, \d+ passed/)
}

test.skipIf(isMissing)(
  `schemathesis finds no 5xx, nor an answer that the document does not promise${skipped}`,
  async () => {
    await using folder = await temporaryFolder()
    await using serving = await startServing({ REPOSITORY_TOKEN: token })
    const document = join(folder.path, 'openapi.json')
    await writeFile(document, await (await fetch(`${serving.url}/openapi.json`)).text())
    const checks = ['--checks', ['not_a_server_error', ...conformance].join()]
    await fuzz(document, serving.url, ...checks, '--max-examples', '30')
    expect((await fetch(`${serving.url}/health`)).status).toBe(200)
  },
  600_000,
)

/** Requests that a sample model takes, or nearly: most of what is random is refused before it gets to a model. */
const nearlyValid = {
  openapi: '3.1.0',
  info: { title: 'nearly valid', version: '1' },
  paths: {
    '/v2/models/{name}/infer': {
      post: {
        parameters: [{ in: 'path', name: 'name', required: true, schema: { enum: ['iris', 'digits'] } }],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['inputs'],
                additionalProperties: false,
                properties: {
                  id: { type: 'string' },
                  parameters: { type: 'object', properties: { binary_data_output: { type: 'boolean' } } },
                  inputs: {
                    type: 'array',
                    minItems: 1,
                    maxItems: 1,
                    items: {
                      type: 'object',
                      required: ['name', 'datatype', 'shape', 'data'],
                      properties: {
                        name: { enum: ['measurements', 'pixels'] },
                        datatype: { enum: ['FP32'] },
                        shape: {
                          enum: [
                            [1, 4],
                            [2, 4],
                            [1, 64],
                          ],
                        },
                        data: { type: 'array', minItems: 4, maxItems: 8, items: { type: 'number' } },
                      },
                    },
                  },
                  outputs: {
                    type: 'array',
                    items: {
                      type: 'object',
                      required: ['name'],
                      properties: {
                        name: { enum: ['species', 'probabilities'] },
                        parameters: { type: 'object', properties: { binary_data: { type: 'boolean' } } },
                      },
                    },
                  },
                },
              },
            },
          },
        },
        responses: { default: { description: 'Anything but a 5xx' } },
      },
    },
  },
}

test.skipIf(isMissing)(
  `nor does it with requests that are nearly right${skipped}`,
  async () => {
    await using folder = await temporaryFolder()
    await using serving = await startServing()
    const document = join(folder.path, 'openapi.json')
    await writeFile(document, JSON.stringify(nearlyValid))
    await fuzz(document, serving.url, '--checks', 'not_a_server_error', '--max-examples', '200')
    const metrics = await (await fetch(`${serving.url}/metrics`)).text()
    expect(
      Number(/^model_inferences_total\{model="iris",version="1"\} (\d+)$/m.exec(metrics)?.[1]),
    ).toBeGreaterThan(0)
  },
  600_000,
)
