import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { aws } from '../../sandbox/src/clouds/aws/index.ts'
import { type Harness, startHarness, type TerraformRoot } from '../../sandbox/test/terraform-harness.ts'
import type { Cloud, Condition } from '../../src/clouds/cloud.ts'
import type { EventBody } from '../../src/engine/events.ts'
import { forgetAdoptions, writeAdoptions } from '../../src/phases/1-infrastructure/adoption.ts'
import { settledRemnants, takeUpRemnants, withRemnants } from '../../src/phases/1-infrastructure/remnants.ts'
import type { TerraformScope } from '../../src/tools/terraform/command.ts'
import { applyPlan, makePlan } from '../../src/tools/terraform/terraform.ts'

const address = 'aws_ecr_repository.models'
const main = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region = "us-east-1"
}
resource "aws_ecr_repository" "models" {
  name = "models"
}
`
const { signal } = new AbortController()
const said: string[] = []
const progress = { report: (message: string) => said.push(message) }

/** Only how far the cloud is with the repository is made up: no sandbox fails for good. */
const cloudThatSays = (...conditions: readonly Condition[]) => {
  const left = [...conditions]
  const cloud: Pick<Cloud, 'title' | 'findExisting' | 'condition'> = {
    title: 'AWS',
    findExisting: async ({ values }) => String(values['name']),
    condition: async () => (left.length > 1 ? left.shift() : left[0]) ?? 'ready',
  }
  return Object.assign(Object.create(null), cloud)
}

/** Real terraform and a real state; the provider is the sandbox's. */
describe('what an interrupted creation left', () => {
  let harness: Harness
  let root: TerraformRoot
  let scope: TerraformScope
  beforeAll(async () => {
    harness = await startHarness([aws])
    root = await harness.root({ files: { 'main.tf': main } })
    await root.init()
    const events: EventBody[] = []
    scope = {
      context: { signal, emit: event => events.push(event), outputs: () => undefined },
      binary: process.env['TERRAFORM'] ?? 'terraform',
      step: '1.aws.apply-foundation',
      cliConfigFile: String(harness.environment['TF_CLI_CONFIG_FILE']),
      workspace: {
        name: 'aws-foundation',
        cloud: 'aws',
        folder: root.folder,
        template: '',
        overrides: '',
        backend: { type: 's3', config: {} },
        variables: {},
        environment: { TF_REATTACH_PROVIDERS: String(harness.environment['TF_REATTACH_PROVIDERS']) },
      },
    }
  })
  afterAll(() => harness?.close())
  afterEach(async () => {
    await forgetAdoptions(root.folder)
    await root.apply()
    said.length = 0
  })
  const createdAt = () => harness.world.store.list('aws_ecr_repository').map(one => one.createdAt)
  const plan = () => makePlan(scope, progress)
  const kinds = async () => (await plan()).changes.map(({ kind, tainted }) => ({ kind, tainted }))
  const takeUp = async (cloud: Cloud) => {
    const remnants = await settledRemnants(cloud, await plan(), signal, progress, {
      pollMs: 1,
      limitMs: 1_000,
    })
    return await takeUpRemnants(scope, remnants, progress)
  }

  it('is kept, the very same thing, when it is complete and only marked as tainted', async () => {
    await root.apply()
    const before = createdAt()
    await root.run(['taint', address])
    expect(await kinds()).toEqual([{ kind: 'replace', tainted: true }])
    expect(await takeUp(cloudThatSays('settling', 'settling', 'ready'))).toEqual([])
    expect(await kinds()).toEqual([])
    expect(createdAt()).toEqual(before)
    expect(said).toContain(`waiting until AWS has finished ${address}`)
    expect(said).toContain(`keeping ${address}, which is complete although its creation was interrupted`)
  })

  it('stays to be replaced when the cloud failed to make it', async () => {
    await root.run(['taint', address])
    expect(await takeUp(cloudThatSays('failed'))).toEqual([])
    expect(await kinds()).toEqual([{ kind: 'replace', tainted: true }])
  })

  it('is adopted when the state does not know it', async () => {
    const before = createdAt()
    await root.run(['state', 'rm', address])
    const lost = await takeUp(cloudThatSays('ready'))
    expect(lost).toEqual([{ to: address, id: 'models' }])
    await writeAdoptions(root.folder, lost)
    const adopting = await plan()
    expect(adopting.changes.map(({ kind }) => kind)).toEqual(['adopt'])
    await applyPlan(scope, adopting, progress)
    await forgetAdoptions(root.folder)
    expect(await kinds()).toEqual([])
    expect(createdAt()).toEqual(before)
  })

  it('is taken up to be replaced when the state does not know it and the cloud failed to make it', async () => {
    await root.run(['state', 'rm', address])
    expect(await takeUp(cloudThatSays('failed'))).toEqual([])
    expect(await kinds()).toEqual([{ kind: 'replace', tainted: true }])
  })

  it('is shown in a plan as what will become of it', async () => {
    await root.run(['taint', address])
    const made = await plan()
    const shown = async (condition: Condition) => {
      const remnants = await settledRemnants(cloudThatSays(condition), made, signal, progress)
      return withRemnants(made, remnants).changes.map(({ kind }) => kind)
    }
    expect(await shown('ready')).toEqual(['adopt'])
    expect(await shown('failed')).toEqual(['replace'])
  })

  it('is not waited for for ever', async () => {
    await root.run(['taint', address])
    await expect(takeUp(cloudThatSays('settling'))).rejects.toMatchObject({
      code: 'MLP2104',
      message: `AWS does not finish what an interrupted run began: ${address}`,
    })
  })
})
