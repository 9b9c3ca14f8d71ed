import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemErrorCode, writeFileAtomically } from '../engine/atomic-file.ts'
import { MlpError } from '../engine/errors.ts'
import { parseJson } from '../engine/json.ts'
import type { ItemState } from '../phases/8-readiness/checklist.ts'
import { type ChecklistDocument, checklistDocument, documentVersion } from './contract.ts'
import { runIds } from './run-folders.ts'

const fileName = 'checklist.json'

export function checklistJson(
  states: readonly ItemState[],
  about: Pick<ChecklistDocument, 'project' | 'environment' | 'target' | 'runId' | 'at'>,
): ChecklistDocument {
  return {
    schemaVersion: documentVersion,
    ...about,
    ready: states.every(({ state }) => state === 'done'),
    items: states.map(({ item, state, why, evidence, signOff, expiresAt }) => ({
      id: item.id,
      title: item.title,
      guides: item.isGuides,
      state,
      why,
      owner: item.owner,
      holdsDays: item.holdsDays,
      evidence: evidence.map(each => ({ ...each, remedy: [...each.remedy], runId: each.runId ?? null })),
      signedBy: signOff?.by ?? null,
      signedAt: signOff?.at ?? null,
      signedRunId: signOff?.runId ?? null,
      expiresAt: expiresAt ?? null,
    })),
  }
}

/** Beside the run's log: what it showed stays to be seen. */
export async function keepChecklist(runs: string, document: ChecklistDocument): Promise<void> {
  await writeFileAtomically(
    join(runs, document.runId, fileName),
    `${JSON.stringify(document, undefined, 2)}\n`,
  )
}

/** The newest that some run left, or that of one run. Throws MLP5233 when there is none. */
export async function newestChecklist(runs: string, wanted: string | undefined): Promise<ChecklistDocument> {
  const ids = await runIds(runs)
  for (const id of ids.filter(name => wanted === undefined || name === wanted)) {
    const document = await readChecklist(join(runs, id, fileName))
    if (document !== undefined) return document
  }
  throw new MlpError({
    code: 'MLP5233',
    summary:
      wanted === undefined ? 'no run has looked at the checklist yet' : `run ${wanted} left no checklist`,
    remedy: ['mlp verify --go-live'],
  })
}

async function readChecklist(file: string): Promise<ChecklistDocument | undefined> {
  try {
    const parsed = checklistDocument.safeParse(parseJson(await readFile(file, 'utf8')))
    return parsed.success ? parsed.data : undefined
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
