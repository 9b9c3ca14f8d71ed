import { type Html, html } from './html.ts'

export interface Table {
  /** Empty where what stands before it says what it is: then `label` does for those who do not see that. */
  readonly caption: string
  readonly label?: string
  readonly columns: readonly string[]
  /** A `<tr>` each. */
  readonly rows: readonly Html[]
}

/** Wider than a narrow window it scrolls by itself, by keyboard too. */
export function table({ caption, label = caption, columns, rows }: Table): Html {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">
<table>
${caption === '' ? '' : html`<caption>${caption}</caption>`}
<thead><tr>${columns.map(column => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${rows}
</tbody>
</table>
</div>`
}
