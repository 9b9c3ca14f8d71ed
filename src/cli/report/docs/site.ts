import { posix } from 'node:path'
import { type Html, html } from '../html.ts'
import { style } from '../style.ts'
import { renderMarkdown } from './markdown-html.ts'

export interface SiteOptions {
  readonly title: string
  /** What every page says at its end: of what it is, and when it was made. */
  readonly footer: string
  /** By path with `/`: Markdown becomes a page, `.svg` is drawn into the pages that show it. */
  readonly files: ReadonlyMap<string, string>
  /** In the order of the menu: path and words. */
  readonly menu: readonly (readonly [path: string, words: string])[]
}

/**
 * The Markdown pages as HTML beside them: each whole in itself (no script, nothing loaded), so that a browser shows them
 * from a disk, an intranet or an archive alike.
 */
export function sitePages({ title, footer, files, menu }: SiteOptions): ReadonlyMap<string, string> {
  const pages = new Map<string, string>()
  for (const [path, markdown] of files) {
    if (!path.endsWith('.md')) continue
    const folder = posix.dirname(path)
    const relative = (to: string) => posix.relative(folder, to) || posix.basename(to)
    const body = renderMarkdown(markdown, {
      linkTo(href) {
        if (/^https:\/\//.test(href)) return href
        if (href.startsWith('#')) return href
        const [file = ''] = href.split('#')
        const target = posix.join(folder, file)
        return files.has(target) ? htmlName(href) : undefined
      },
      image: src => ({ markup: files.get(posix.join(folder, src)) ?? '' }),
    })
    const heading = /^# (.+)$/m.exec(markdown)?.[1]?.replaceAll(/[`\\*]/g, '') ?? title
    const nav = menu.map(([to, words]) => {
      const isHere = to === path
      return html`<li><a href="${htmlName(relative(to))}"${isHere ? html` aria-current="page"` : ''}>${words}</a></li>\n`
    })
    pages.set(htmlName(path), pageOf({ title, heading, nav, body, footer }))
  }
  return pages
}

function htmlName(path: string): string {
  return path.replace(/\.md(?=$|#)/, '.html')
}

function pageOf(page: {
  readonly title: string
  readonly heading: string
  readonly nav: readonly Html[]
  readonly body: Html
  readonly footer: string
}): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${page.heading} - ${page.title}</title>
<style>${style}${siteStyle}</style>
</head>
<body>
<a class="skip" href="#content">To the content</a>
<div class="sides">
<nav aria-label="Pages">
<p class="site">${page.title}</p>
<ul>
${page.nav}</ul>
</nav>
<main id="content" tabindex="-1">
${page.body}
<footer class="quiet"><p>${page.footer}</p></footer>
</main>
</div>
</body>
</html>
`.markup
}

const siteStyle: Html = {
  markup: `
body { max-width: 90rem; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--page); padding: .5rem; }
.sides { display: grid; grid-template-columns: 14rem minmax(0, 1fr); gap: 2.5rem; }
nav { position: sticky; top: 1.5rem; align-self: start; max-height: calc(100vh - 3rem); overflow-y: auto; }
nav ul { list-style: none; padding: 0; margin: 0; }
nav a { display: block; padding: .2rem .6rem; text-decoration: none; border-left: 3px solid transparent; }
nav a:hover, nav a:focus-visible { text-decoration: underline; }
nav a[aria-current] { border-color: var(--good); background: var(--raised); font-weight: 600; }
.site { font-weight: 600; margin: 0 0 .75rem; }
main:focus { outline: none; }
main p, main li { max-width: 48rem; }
main p { margin: .6rem 0; }
main svg { max-width: 100%; height: auto; }
main pre { overflow-x: auto; white-space: pre; overflow-wrap: normal; }
main pre:focus-visible { outline: 2px solid var(--bar); }
h2 code, h3 code { font-size: .95em; font-weight: 600; }
tbody th { min-width: 8rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); }
@media (max-width: 50rem) { .sides { display: block; } nav { position: static; max-height: none; margin-bottom: 2rem; } }
@media print { nav, .skip { display: none; } .sides { display: block; } main pre { white-space: pre-wrap; } }
`,
}
