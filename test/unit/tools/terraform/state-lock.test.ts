import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  forgetRuns,
  holderOf,
  isAlive,
  readRuns,
  recordRun,
} from '../../../../src/tools/terraform/run-record.ts'
import { findStateLock } from '../../../../src/tools/terraform/state-lock.ts'

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

describe('findStateLock', () => {
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

  it('is ours when a recorded run started just before it', () => {
    recordRun(folder).started(process.pid)
    expect(holderOf(lock(me, Date.now() + 500), readRuns(folder))?.pid).toBe(process.pid)
  })

  it('is ours even when the kill came before the pid was known', () => {
    recordRun(folder)
    expect(holderOf(lock(me, Date.now() + 500), readRuns(folder))).toMatchObject({ pid: null })
  })

  it.each([
    ["another person's", () => lock(`eve@${hostname()}`, Date.now())],
    ["another machine's", () => lock(`${userInfo().username}@elsewhere`, Date.now())],
    ['older than our run', () => lock(me, Date.now() - 60_000)],
    ['much younger than our run', () => lock(me, Date.now() + 3_600_000)],
  ])('is not ours when it is %s', (_name, foreign) => {
    recordRun(folder).started(process.pid)
    expect(holderOf(foreign(), readRuns(folder))).toBeUndefined()
  })

  it("is nobody's proof when nothing was recorded, when all ended well, or when the record is damaged", () => {
    expect(readRuns(folder)).toEqual([])
    recordRun(folder).ended()
    expect(readRuns(folder)).toEqual([])
    recordRun(folder).started(1)
    forgetRuns(folder)
    expect(readRuns(folder)).toEqual([])
    writeFileSync(join(folder, 'mlp-terraform-runs.json'), '[{"host":')
    expect(readRuns(folder)).toEqual([])
  })

  it('keeps the record of an earlier, killed run while a new one starts and ends', () => {
    recordRun(folder).started(999_999_999)
    recordRun(folder).ended()
    expect(readRuns(folder)).toHaveLength(1)
  })

  it('knows a living process from one whose pid was used again', () => {
    recordRun(folder).started(process.pid)
    const [run] = readRuns(folder)
    expect(run && isAlive(run)).toBe(true)
    expect(run && isAlive({ ...run, processStartedAt: '1' })).toBe(false)
    expect(run && isAlive({ ...run, pid: null })).toBe(false)
    expect(run && isAlive({ ...run, host: 'elsewhere' })).toBe(false)
  })
})
