/** A process of its own that wants one tool: `node one-tool.ts <package root> <tool>`. */
import { MlpError } from '../../../../src/engine/errors.ts'
import { createToolchain } from '../../../../src/tools/toolchain/create-toolchain.ts'
import { toolNames } from '../../../../src/tools/toolchain/versions.ts'

const [packageRoot = '', wanted] = process.argv.slice(2)
const tool = toolNames.find(name => name === wanted)
if (tool === undefined) throw new Error(`unknown tool ${wanted}`)
const toolchain = createToolchain({
  packageRoot,
  environment: process.env,
  emit: event => process.stderr.write(`${JSON.stringify(event)}\n`),
})
try {
  process.stdout.write(await toolchain.path(tool))
} catch (error) {
  if (!(error instanceof MlpError)) throw error
  process.stdout.write(error.code)
}
