import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { findLivingTerraform } from '../../../../src/tools/terraform/living.ts'
import { forgetRuns, isOurs, readRuns, recordRun } from '../../../../src/tools/terraform/run-record.ts'
import { findStateLock, isUnnamedLock } from '../../../../src/tools/terraform/state-lock.ts'

// As terraform 1.11.4 printed it.
const message = (
  who: string,
  created: string,
) => `Error acquiring the state lock: Error message: operation error S3: PutObject, https response error StatusCode: 412
Lock Info:
  ID:        a5a4e5d5-6ff6-5c2b-0bb4-a3b1e4ee8e18
  Path:      mlp-state/aws/foundation.tfstate
  Operation: OperationTypeApply
  Who:       ${who}
  Version:   1.11.4
  Created:   ${created}
  Info:      
`

// As terraform 1.11.4 printed it, of a lease on Azure whose taker was killed before its second request.
const unnamed = `Error acquiring the state lock: Error message: state blob is already locked
blob metadata "terraformlockid" was empty
`

describe('findStateLock', () => {
  it('knows a lock that names nobody', () => {
    expect(findStateLock(unnamed)).toBeUndefined()
    expect(isUnnamedLock(unnamed)).toBe(true)
    expect(isUnnamedLock(message('ada@workstation', '2026-11-24 04:10:11 +0000 UTC'))).toBe(false)
  })

  it('reads who holds the lock, since when, and its id', () => {
    expect(findStateLock(message('ada@workstation', '2026-11-24 04:10:11.123456789 +0000 UTC'))).toEqual({
      id: 'a5a4e5d5-6ff6-5c2b-0bb4-a3b1e4ee8e18',
      operation: 'OperationTypeApply',
      who: 'ada@workstation',
      createdAtMs: Date.parse('2026-11-24T04:10:11.123Z'),
    })
  })

  it.each([
    ['whole seconds', '2026-11-24 04:10:11 +0000 UTC', '2026-11-24T04:10:11.000Z'],
    ['one digit', '2026-11-24 04:10:11.5 +0000 UTC', '2026-11-24T04:10:11.500Z'],
  ])('reads times with %s', (_name, printed, iso) => {
    expect(findStateLock(message('a@b', printed))?.createdAtMs).toBe(Date.parse(iso))
  })

  it.each([
    ['another error', 'Error: no such bucket\n  ID: 1'],
    ['a lock without its facts', 'Error acquiring the state lock'],
    ['a time it cannot read', message('a@b', 'yesterday')],
  ])('finds none in %s', (_name, text) => {
    expect(findStateLock(text)).toBeUndefined()
  })
})

describe('whose lock it is', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mlp-run-record-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const me = `${userInfo().username}@${hostname()}`
  const lock = (who: string, createdAtMs: number) => ({ id: 'x', operation: 'apply', who, createdAtMs })

  const ours = (created: ReturnType<typeof lock>) => readRuns(folder).some(run => isOurs(created, run))

  it('is ours when a recorded run started just before it', () => {
    recordRun(folder)
    expect(ours(lock(me, Date.now() + 500))).toBe(true)
  })

  it('is ours when it was taken before a recorded run ended, and not when after', () => {
    const record = recordRun(folder)
    const during = Date.now()
    record.ended()
    expect(ours(lock(me, during))).toBe(true)
    expect(ours(lock(me, Date.now() + 1_000))).toBe(false)
  })

  it.each([
    ["another person's", () => lock(`eve@${hostname()}`, Date.now())],
    ["another machine's", () => lock(`${userInfo().username}@elsewhere`, Date.now())],
    ['older than our run', () => lock(me, Date.now() - 60_000)],
    ['much younger than our run', () => lock(me, Date.now() + 3_600_000)],
  ])('is not ours when it is %s', (_name, foreign) => {
    recordRun(folder)
    expect(ours(foreign())).toBe(false)
  })

  it('is not ours to free when the run was on another machine that shares this folder', () => {
    recordRun(folder)
    const file = join(folder, 'mlp-terraform-runs.json')
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(JSON.stringify(hostname()), '"elsewhere"'))
    expect(readRuns(folder)).toHaveLength(1)
    expect(ours(lock(`${userInfo().username}@elsewhere`, Date.now()))).toBe(false)
  })

  it("is nobody's proof when nothing was recorded, when all ended well, or when the record is damaged", () => {
    expect(readRuns(folder)).toEqual([])
    recordRun(folder).withdraw()
    expect(readRuns(folder)).toEqual([])
    recordRun(folder)
    forgetRuns(folder)
    expect(readRuns(folder)).toEqual([])
    writeFileSync(join(folder, 'mlp-terraform-runs.json'), '[{"host":')
    expect(readRuns(folder)).toEqual([])
  })

  it('keeps the record of an earlier, killed run while a new one starts and ends', () => {
    recordRun(folder)
    recordRun(folder).withdraw()
    expect(readRuns(folder)).toHaveLength(1)
  })
})

describe('a terraform that still works on a state', () => {
  const folder = `/tmp/workspace of ${process.pid}`
  const startAs = async (command: string) => {
    const script = 'console.log("on"); setInterval(() => {}, 1000)'
    const child = spawn(process.execPath, ['-e', script, '--', `-chdir=${folder}`, command, '-json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    return child
  }

  it('is found by its command line, and not once it has ended', async () => {
    const child = await startAs('apply')
    expect(await findLivingTerraform(folder)).toBe(child.pid)
    expect(await findLivingTerraform(`${folder}-other`)).toBeUndefined()
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await findLivingTerraform(folder)).toBeUndefined()
  })

  it('is none that only reads it', async () => {
    await startAs('output')
    expect(await findLivingTerraform(folder)).toBeUndefined()
  })
})
