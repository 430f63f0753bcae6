/**
 * The style of the reference page: light and dark, for wide windows and phones.
 *
 * Owns its colours: each has a contrast of at least 4.5 to 1 on what it is shown on.
 *
 * @module
 */

/** The one style sheet of the page; its hash is in the page's Content-Security-Policy. */
export const DOCS_STYLE = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1c2024, #e6e8eb);
  --soft: light-dark(#575e66, #a3abb5);
  --back: light-dark(#ffffff, #14171a);
  --panel: light-dark(#f4f5f7, #1d2125);
  --line: light-dark(#d9dce1, #343a41);
  --link: light-dark(#0b57c2, #82b4ff);
  --get: light-dark(#0a6b3d, #63d19a);
  --post: light-dark(#0b57c2, #82b4ff);
  --change: light-dark(#8a4b00, #f0b35c);
  --delete: light-dark(#b3261e, #ff8f87);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--text); background: var(--back); font: 1rem/1.55 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 0 1.5rem; padding: .75rem 1.25rem; border-bottom: 1px solid var(--line); }
header p { margin: 0; }
header p + p { color: var(--soft); }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; padding: .5rem 1rem; background: var(--back); }
.skip:focus { left: .5rem; top: .5rem; z-index: 1; }
nav { padding: 0 1.25rem; font-size: .9rem; }
nav h2 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav .chapters > li { margin: 0 0 .6rem; }
nav .chapters > li > a { font-weight: 600; }
nav li li a { display: flex; gap: .5rem; padding: .12rem 0; color: var(--text); text-decoration: none; }
nav li li a:hover { text-decoration: underline; }
nav .method { flex: 0 0 3.6rem; font-size: .7rem; line-height: 1.4rem; }
main { min-width: 0; padding: 0 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.45rem; margin: 2.5rem 0 .5rem; }
main > section > h2 { padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.15rem; margin: 0 0 .5rem; }
h3 a { color: inherit; text-decoration: none; }
h3 a:hover { text-decoration: underline; }
h4 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
article { margin: 1.75rem 0 0; padding: 0 0 1.5rem; border-bottom: 1px solid var(--line); }
code { font: .875em/1.45 ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { margin: .75rem 0; padding: .75rem 1rem; overflow-x: auto; background: var(--panel); border-radius: .4rem; }
pre code { overflow-wrap: normal; }
.call { overflow-wrap: anywhere; }
.method { font: 700 .8rem/1.45 ui-monospace, Menlo, Consolas, monospace; color: var(--soft); }
.get { color: var(--get); }
.post { color: var(--post); }
.put, .patch { color: var(--change); }
.delete { color: var(--delete); }
table { width: 100%; margin: 1rem 0; border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: 0 0 .35rem; }
th, td { padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 400; border-top: 0; }
tbody th { font-weight: 400; }
th small, td small { color: var(--soft); }
td { overflow-wrap: anywhere; }
details { margin: .35rem 0; }
summary { cursor: pointer; padding: .2rem 0; }
@media (min-width: 62rem) {
  .columns { display: grid; grid-template-columns: 19rem minmax(0, 1fr); max-width: 82rem; margin: 0 auto; }
  nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding-bottom: 2rem; }
  table { table-layout: fixed; }
  th:first-child { width: 30%; }
  th:nth-child(2) { width: 30%; }
  .errors th:first-child { width: 10%; }
}
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, tbody th, td, caption { display: block; }
  tr { padding: .5rem 0; border-top: 1px solid var(--line); }
  th, td { padding: .1rem 0; border: 0; }
  tbody th { font-weight: 600; }
}
@media print {
  nav, .skip { display: none; }
}
`;
