"""The style of the page: one column of text, tables that scroll by themselves, light and dark."""

from __future__ import annotations

from coderl_env.experiment.reports.charts import COLOURS

__all__ = ["STYLE"]

# On dark ground the same hues need more light.
_DARK = ("#5fb0e8", "#f28c4b", "#3fc59b", "#e3a0c6", "#dcb53c", "#8fd0f5", "#b48fd0", "#c4a767")

_LIGHT_SERIES = "".join(f"--series-{index}:{colour};" for index, colour in enumerate(COLOURS))
_DARK_SERIES = "".join(f"--series-{index}:{colour};" for index, colour in enumerate(_DARK))

STYLE = (
    ":root{--paper:#fdfdfc;--ink:#1c1d1f;--ink-soft:#5b5f66;--rule:#dfe1e4;--band:#f4f5f6;--link:#0b5a94;"
    + _LIGHT_SERIES
    + "}@media (prefers-color-scheme:dark){:root{--paper:#15171a;--ink:#e4e6e9;--ink-soft:#a0a6ae;--rule:#33383e;"
    "--band:#1d2024;--link:#7fbdf0;"
    + _DARK_SERIES
    + """}}
*{box-sizing:border-box}
html{font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:var(--ink);
background:var(--paper)}
body{max-width:72rem;margin:0 auto;padding:2.5rem 1.5rem 5rem}
h1{font-size:1.7rem;line-height:1.25;font-weight:650;letter-spacing:-.01em;margin:0 0 1.2rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;font-weight:620;margin:3.2rem 0 .6rem;padding-top:.9rem;border-top:1px solid var(--rule);
overflow-wrap:anywhere}
h3{font-size:1rem;font-weight:620;margin:2rem 0 .25rem}
p{max-width:46rem;margin:.5rem 0}
a{color:var(--link);text-decoration:none}
a:hover,a:focus{text-decoration:underline}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.9rem 1.6rem;margin:0 0 1.4rem}
.facts dt{font-size:.8rem;color:var(--ink-soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:0;margin:0;font-size:.9rem}
.note{font-size:.875rem;color:var(--ink-soft);margin:0 0 .6rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;line-height:1.4;font-variant-numeric:tabular-nums lining-nums;
margin:.3rem 0 .6rem;min-width:min(100%,30rem)}
thead th{font-weight:500;color:var(--ink-soft);border-bottom:1px solid var(--ink-soft);vertical-align:bottom;
white-space:nowrap}
th,td{padding:.34rem .9rem .34rem 0;text-align:left;vertical-align:top}
tbody th{font-weight:450;min-width:11rem;max-width:26rem;overflow-wrap:anywhere}
tbody tr{border-bottom:1px solid var(--rule)}
.figures tr.begins th,.figures tr.begins td{padding-top:1rem}
tbody tr:hover{background:var(--band)}
.figures th:not(:first-child),.figures td{text-align:right;padding:.34rem 0 .34rem 1.1rem;white-space:nowrap}
.words td{overflow-wrap:anywhere}
.interval{color:var(--ink-soft);font-size:.8rem}
figure{margin:.4rem 0 .8rem}
figure svg{display:block;max-width:100%;height:auto;font-family:inherit}
figcaption{font-size:.875rem;color:var(--ink-soft);max-width:46rem}
details{border-bottom:1px solid var(--rule);padding:.45rem 0}
summary{cursor:pointer;overflow-wrap:anywhere}
.facts-line{display:block;font-size:.875rem;color:var(--ink-soft);margin-left:1.05rem}
pre{background:var(--band);padding:.8rem 1rem;overflow-x:auto;font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,
Consolas,monospace;border-radius:4px;margin:.6rem 0;tab-size:4}
@media print{body{max-width:none;padding:0}nav{display:none}section{break-inside:auto}tr,figure{break-inside:avoid}}
"""
)
