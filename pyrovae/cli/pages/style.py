"""How the pages look: on a phone, on a large screen, in the dark, on paper."""

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --faint: #5b6472;
  --rule: #d9dee5; --panel: #f5f7f9; --accent: #1f63b5; --warn: #8a4b00; --warn-panel: #fff5e5; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181e; --ink: #e3e7ec; --faint: #9ba5b2; --rule: #343c47; --panel: #1c222a;
    --accent: #7db4f5; --warn: #f0b866; --warn-panel: #2b2317; }
  img { filter: brightness(.88); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; }
h1 { font-size: clamp(1.4rem, 5vw, 2rem); line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { max-width: 46rem; margin: .5rem 0; }
.lead { font-size: 1.1rem; }
.faint { color: var(--faint); }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; }
pre { background: var(--panel); border: 1px solid var(--rule); border-radius: 6px;
  padding: .75rem 1rem; white-space: pre-wrap; }
code, pre { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace;
  font-size: .9rem; }
p code, li code { display: inline-block; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal; }
caption { text-align: left; color: var(--faint); padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .45rem .9rem .45rem 0;
  border-bottom: 1px solid var(--rule); font-variant-numeric: tabular-nums; }
th { white-space: nowrap; font-weight: 600; }
.stack td:last-child { min-width: 14rem; }
@media (max-width: 44rem) {
  .stack :is(table, caption, tbody, tr, th, td) { display: block; border: 0; padding: 0; }
  .stack thead { position: absolute; clip-path: inset(50%); }
  .stack tr { border-bottom: 1px solid var(--rule); padding: .6rem 0; }
  .stack td:not(:last-child) { display: inline-block; margin-right: 1rem; } }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .35rem 1.25rem; }
dt { font-weight: 600; } dd { margin: 0; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin: 0 0 .6rem; } }
.warnings { list-style: none; padding: 0; }
.warnings li { background: var(--warn-panel); border-left: 4px solid var(--warn);
  padding: .6rem 1rem; margin: .6rem 0; border-radius: 0 6px 6px 0; }
.figures { display: grid; gap: 1rem 2rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; }
figcaption { color: var(--faint); margin-bottom: .4rem; }
figcaption b { color: var(--ink); }
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px; }
.intervals { list-style: none; padding: 0; max-width: 46rem; }
.intervals div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem;
  margin-top: .5rem; font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; overflow: visible; }
svg text { fill: var(--faint); font-size: 12px; }
svg line { stroke: var(--rule); }
svg .bar { stroke: var(--accent); stroke-width: 3; } svg circle { fill: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media print { nav { display: none; } figure, tr { break-inside: avoid; } }
"""
