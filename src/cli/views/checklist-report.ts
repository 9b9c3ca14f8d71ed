import type { ChecklistDocument } from '../contract.ts'
import { marks, type Palette } from './palette.ts'
import { wrap } from './text.ts'

/** One line an item, with what keeps it open below it. */
export function checklistReport(
  { items }: ChecklistDocument,
  { columns, palette }: { readonly columns: number; readonly palette: Palette },
): readonly string[] {
  const open = items.filter(({ state }) => state === 'open').length
  const heading = 'Go-live checklist'
  return [
    palette.strong(heading),
    '-'.repeat(heading.length),
    ...items.flatMap(({ state, title, why, owner, id }) =>
      state === 'done'
        ? [`${palette.good(marks.good)} ${title}`, ...wrap(why, columns, '    ')]
        : [
            `${palette.bad(marks.bad)} ${title}`,
            ...wrap(why, columns, '    '),
            palette.quiet(`    ${id}, ${owner}`),
          ],
    ),
    '',
    open === 0
      ? palette.good(`${marks.good} all ${items.length} items are done`)
      : palette.bad(`${marks.bad} ${open} of ${items.length} items are open`),
  ]
}
