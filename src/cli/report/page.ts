import { type Content, type Html, html } from './html.ts'
import { style } from './style.ts'

/** One HTML document: no scripts, nothing loaded from elsewhere. */
export function page(title: string, header: Html, sections: Content): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
${header}
</header>
${sections}
</main>
</body>
</html>
`.markup
}
