import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EventBody } from '../../src/engine/events.ts'
import { runTerraform, type TerraformScope } from '../../src/tools/terraform/command.ts'
import { outputsInPlan } from '../../src/tools/terraform/plan-file.ts'
import { applyPlan, compareWithWorld, readOutputs } from '../../src/tools/terraform/terraform.ts'
import { planFile } from '../../src/tools/terraform/workspace.ts'

const main = `
resource "terraform_data" "one" { input = { zones = ["a", "b"], port = 5432 } }
output "place" { value = terraform_data.one.output }
output "text" { value = "plain" }
output "nothing" { value = [] }
output "secret" {
  value     = "do not show"
  sensitive = true
}
`
const visible = { place: { zones: ['a', 'b'], port: 5432 }, text: 'plain', nothing: [] }
const progress = { report: () => undefined }

/** Real terraform, its built-in provider and a local state. */
describe("a root's outputs", () => {
  let folder: string
  let scope: TerraformScope
  const events: EventBody[] = []
  const commands = () =>
    events.flatMap(event =>
      event.type === 'command-started'
        ? [/(init|plan|apply|show|output) /.exec(`${event.command} `)?.[1]]
        : [],
    )
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlp-outputs-'))
    await writeFile(join(folder, 'main.tf'), main)
    const cliConfigFile = join(folder, 'terraform.rc')
    await writeFile(cliConfigFile, '')
    scope = {
      context: {
        signal: new AbortController().signal,
        emit: event => events.push(event),
        outputs: () => undefined,
      },
      binary: process.env['TERRAFORM'] ?? 'terraform',
      step: '1.aws.apply-foundation',
      cliConfigFile,
      workspace: {
        name: 'aws-foundation',
        cloud: 'aws',
        folder,
        template: '',
        overrides: '',
        // Not read here: the root keeps its state beside it.
        backend: { type: 's3', config: {} },
        variables: {},
        environment: {},
      },
    }
    await runTerraform(scope, ['init', '-input=false', '-no-color'])
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('are told by the apply and by a plan without changes, with no start of terraform for them', async () => {
    const first = await compareWithWorld(scope)
    if (!first.changed) throw new Error('terraform has nothing to make')
    expect(await applyPlan(scope, first.plan, progress)).toEqual(visible)
    expect(await compareWithWorld(scope)).toEqual({ changed: false, outputs: visible })
    expect(commands()).toEqual(['init', 'plan', 'show', 'apply', 'plan'])
    expect(await readOutputs(scope)).toEqual(visible)
  })

  it('are not guessed from a plan file of another make', async () => {
    const file = join(folder, planFile)
    const whole = await readFile(file)
    await writeFile(file, whole.subarray(0, whole.length / 2))
    expect(await outputsInPlan(file)).toBeUndefined()
    await writeFile(file, 'no archive')
    expect(await outputsInPlan(file)).toBeUndefined()
  })
})
