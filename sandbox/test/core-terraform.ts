import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as z from 'zod'
import { control } from './core-daemon-process.ts'

const header = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" { region = "us-east-1" }
`

/** Applies a configuration through a running daemon, with the environment that the daemon hands out. */
export async function runTerraform(home: string, hcl: string): Promise<void> {
  const target = z
    .object({ environment: z.record(z.string(), z.string()) })
    .parse(await control(home, 'GET', '/target'))
  const cwd = await mkdtemp(join(home, 'terraform-'))
  await writeFile(join(cwd, 'main.tf'), header + hcl)
  const env = { ...process.env, ...target.environment, TF_IN_AUTOMATION: '1' }
  const run = promisify(execFile)
  await run('terraform', ['init', '-input=false'], { cwd, env })
  await run('terraform', ['apply', '-auto-approve', '-input=false'], { cwd, env })
}
