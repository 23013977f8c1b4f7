"""The style sheet of the HTML pages: readable on a phone and on paper, light and dark, no external fonts."""

STYLE = """\
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1d2125; --quiet: #59626b; --line: #d5dadf; --shade: #f1f3f5;
  --link: #0b5cad; --note: #0b6e99; --warning: #a04000;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --ink: #e4e7ea; --quiet: #a0a9b2; --line: #3a4148; --shade: #20252a;
    --link: #7ab8f5; --note: #6cc3e0; --warning: #f0a060;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 50rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
h4, h5, h6 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
a { color: var(--link); }
nav { margin: 0 0 1.5rem; padding: .6rem 1rem; background: var(--shade); border-radius: .4rem; }
nav a[aria-current] { color: inherit; font-weight: 600; text-decoration: none; }
nav ul { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
math { font-size: 1.1em; }
.equation math { width: max-content; min-width: 100%; }
mtable[columnalign] mtd { text-align: left; }
mtable.lines > mtr > mtd { padding: .25em 0; text-align: left; }
mtable.lines > mtr > mtd:first-child { text-align: right; }
.equation { display: flex; align-items: center; gap: 1rem; margin: .8rem 0; }
.scroll { overflow-x: auto; max-width: 100%; }
.equation .scroll { flex: 1 1 auto; min-width: 0; padding: .3rem 0; overflow-y: hidden; }
.equation .tag { flex: 0 0 auto; max-width: 35%; color: var(--quiet); font-size: .9rem; }
.remark { color: var(--quiet); margin-top: -.3rem; }
main div.scroll { margin: .7rem 0; }
.equation div.scroll { margin: 0; }
table { border-collapse: collapse; font-size: .95rem; overflow-wrap: normal; }
th, td { padding: .35rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { border-bottom-width: 2px; }
tbody tr:nth-child(even) { background: var(--shade); }
code, pre { font: .9em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--shade); padding: .1em .3em; border-radius: .25em; }
pre { background: var(--shade); padding: .8rem 1rem; border-radius: .4rem; }
aside { margin: 1rem 0; padding: .5rem 1rem; border-left: .25rem solid var(--note); background: var(--shade); }
aside.warning { border-color: var(--warning); }
aside strong { color: var(--note); }
aside.warning strong { color: var(--warning); }
@media (max-width: 54rem) {
  :is(p, li, dd, aside, figcaption) > math { max-width: 100%; overflow-x: auto; overflow-y: hidden; }
}
@media (max-width: 30rem) {
  body { padding: 1rem .8rem 3rem; }
  main ol, main ul { padding-left: 1.3rem; }
  .equation { flex-wrap: wrap; gap: 0 1rem; }
  .equation .scroll { flex-basis: 100%; }
  .equation .tag { margin-left: auto; max-width: 100%; }
  th, td { padding: .3rem .5rem; }
}
@media print {
  body { max-width: none; padding: 0; }
  nav { display: none; }
}
"""
