// The page: one position in the latent space, which everything on it reads and moves.
import { ask, newest } from "./api.js";
import { drawingPad } from "./drawing.js";
import { LatentMap } from "./map.js";
import { COLOURS, element, number, picture, show, svg } from "./show.js";
import { attributeSliders, latentSliders } from "./sliders.js";

const $ = (id) => document.getElementById(id);
const about = await ask("about");
const sites = Object.fromEntries(about.sites.map((site) => [site.name, site]));
const state = { knobs: {}, site: about.sites[0].name, plane: null, condition: 0, chosen: -1, before: -1, moves: 0, jumps: 0 };
for (const site of about.sites) state.knobs[site.name] = [...site.start];
const wide = about.kind !== "image";

// What the page is of.
document.title = `Explore: ${about.title}`;
$("title").textContent = about.title;
$("lead").textContent = `${about.points} data on the map; ${about.sites.map((s) => `latent ${s.name} of ${s.count}`).join(", ")}.`;
$("notes").hidden = about.notes.length === 0;
$("notes").append(...about.notes.map((note) => element("li", {}, note)));

// The position. An answer may come after the position has moved on: it must not lead back.
function decode(moved) {
  state.moves += 1;
  decoded(moved, state.jumps);
}

const decoded = newest(async (moved, jumps) => {
  if (jumps !== state.jumps) return;  // it has waited, and the position is now that of a datum
  const { moves } = state;
  const asked = { knobs: state.knobs, condition: state.condition };
  if (moved) asked.moved = moved;
  const answer = await ask("decode", asked);
  if (jumps !== state.jumps) return;
  show($("now"), answer.data);
  if (moved && moves === state.moves) {  // what follows, and where a sphere or a choice put it
    for (const [name, knobs] of Object.entries(answer.knobs))
      if (name !== moved || ["sphere", "simplex", "ball", "bounded"].includes(sites[name].kind)) state.knobs[name] = knobs;
  }
  refresh();
  tell();
});

function go(knobs, moved) {
  for (const [name, values] of Object.entries(knobs)) state.knobs[name] = [...values];
  refresh();
  decode(moved);
}

function refresh() {
  for (const site of about.sites)
    for (const knob of site.knobs) {
      const slider = sliders[site.name][knob.index], value = state.knobs[site.name][knob.index];
      if (document.activeElement !== slider.input || Math.abs(slider.value - value) > 0.02 * (knob.high - knob.low)) slider.set(value);
    }
  if (state.plane) {
    map.here = project(state.knobs[state.site]);
    map.picked = state.chosen;
    map.draw();
  }
}

let told = 0;
function tell() {  // not at each step of a drag: a screen reader would never come to an end
  clearTimeout(told);
  told = setTimeout(() => {
    const parts = about.sites.map((site) => site.knobs.slice(0, 4).map((k) =>
      `${k.name} ${site.choices === null ? number(state.knobs[site.name][k.index]) : Math.round(state.knobs[site.name][k.index]) + 1}`).join(", "));
    $("where").textContent = `Decoded at ${parts.join("; ")}${about.sites.some((s) => s.count > 4) ? ", …" : ""}`;
  }, 350);
}

// Sliders.
const sliders = latentSliders($("sliders"), about.sites, (site, index, value) => {
  state.knobs[site][index] = value;
  refresh();
  decode(site);
});
$("order").textContent = about.sites.some((s) => s.knobs.some((k) => k.kl !== null))
  ? "In the order of their KL divergence from the prior, the bar below each." : "In the order of how much they vary.";
$("centre").addEventListener("click", () => {
  attributes.forEach((slider) => slider.reset());
  go(Object.fromEntries(about.sites.map((s) => [s.name, s.start])));
});
const attributes = attributeSliders($("attributes"), about.attributes, (vector, by) => {
  for (const [name, values] of Object.entries(vector)) values.forEach((v, i) => { state.knobs[name][i] += by * v; });
  refresh();
  decode();
});
$("attributes-part").hidden = attributes.length === 0;

// The map.
const map = new LatentMap($("map"), {
  labels: about.labels,
  moved: (point) => {
    const { centre, directions } = state.plane, z = state.knobs[state.site], now = project(z);
    state.knobs[state.site] = z.map((v, i) => v + (point[0] - now[0]) * directions[0][i] + (point[1] - now[1]) * directions[1][i]);
    refresh();
    decode(state.site);
  },
  chosen: choose,
  thumbnails: about.kind === "image" ? (which) => ask("thumbnails", { which }) : null,
});

function project(z) {
  const { centre, directions } = state.plane;
  return directions.map((d) => d.reduce((sum, v, i) => sum + v * (z[i] - centre[i]), 0));
}

const plane = newest(async (site, axes) => {
  const found = await ask("plane", { site, axes });
  Object.assign(state, { site, plane: found });
  map.draggable = sites[site].gradual;
  map.set(found.points);
  refresh();
});

const planes = [];
for (const site of about.sites) {
  const of = about.sites.length > 1 ? ` of ${site.name}` : "", first = site.knobs.slice(0, 6);
  planes.push({ site: site.name, axes: [], text: site.count > 2 ? `principal plane${of}` : site.knobs.map((k) => k.name).sort().join(", ") });
  if (site.count > 2)
    for (let a = 0; a < first.length; a++) for (let b = a + 1; b < first.length; b++)
      planes.push({ site: site.name, axes: [first[a].index, first[b].index], text: `${first[a].name}, ${first[b].name}` });
}
$("plane").append(...planes.map((p, i) => element("option", { value: i }, p.text)));
$("plane").addEventListener("change", () => {
  const { site, axes } = planes[$("plane").value];
  plane(site, axes);
});
if (about.label_names)
  $("legend").append(...[...new Set(about.labels)].sort((a, b) => a - b).map((label) => {
    const dot = svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true", color: COLOURS[label % 10] }, svg("circle", { cx: 5, cy: 5, r: 5 }));
    return element("li", {}, dot, about.label_names[label]);
  }));

// A datum, chosen or drawn.
const NAMES = { elbo: "ELBO", log_likelihood: "log p(x)", reconstruction: "log p(x|z)", kl: "KL", ess: "effective draws" };

let newestEncoding = null;
async function encoded(answering, title) {
  newestEncoding = answering;
  const { moves } = state, answer = await answering;
  if (answering !== newestEncoding) return false;
  $("chosen").hidden = false;
  $("chosen-title").textContent = title;
  $("datum").replaceChildren(picture(answer.datum));
  show($("reconstruction"), answer.data);
  const rows = Object.entries(NAMES).filter(([key]) => key in answer.numbers).map(([key, name]) => {
    let text = number(answer.numbers[key], key === "ess" ? 0 : 2);
    if (key === "log_likelihood" && "mc_se" in answer.numbers) text += ` ± ${number(answer.numbers.mc_se, 2)}`;
    if (key === "ess") text += ` of ${answer.samples}`;
    return element("div", {}, element("dt", {}, name), element("dd", {}, text));
  });
  const remark = answer.undefined ? `No bound: ${answer.undefined}.`
    : answer.density ? "In nats; ± is the standard error of the draws." : "Cross-entropies in nats: the likelihood is no density at these values.";
  $("numbers").replaceChildren(...rows, element("p", { class: "small faint" }, remark));
  if (moves === state.moves) {
    state.jumps += 1;
    attributes.forEach((slider) => slider.reset());
    show($("now"), answer.data);
    for (const [name, values] of Object.entries(answer.knobs)) state.knobs[name] = [...values];
  }
  refresh();
  tell();
  return true;
}

async function choose(index) {
  state.before = state.chosen;
  state.chosen = index;
  if (about.conditional) state.condition = index;
  const title = about.label_names ? `Datum ${index}, label ${about.label_names[about.labels[index]]}` : `Datum ${index}`;
  if (await encoded(ask("encode", { index }), title) && state.before >= 0 && state.before !== index) await path();
}

const drawn = newest(async (blob, invert) => {
  state.before = state.chosen = -1;
  await encoded(ask(`draw?invert=${invert ? 1 : 0}&condition=${state.condition}`, blob, "application/octet-stream"), "Drawing");
});
const drawable = about.kind === "image" && (about.shape.length === 2 || [1, 3].includes(about.shape[0]));
$("draw-part").hidden = !drawable;
if (drawable) {
  $("colour-row").hidden = about.shape.length === 2 || about.shape[0] === 1;
  drawingPad({ pad: $("pad"), clear: $("clear"), file: $("file"), invert: $("invert"), colour: $("colour"), shape: about.shape, send: drawn });
}

// Paths and samples: each tile leads there.
function tiles(place, found, name) {
  place.classList.toggle("wide", wide);
  place.replaceChildren(...found.map((one, i) => {
    const button = element("button", { type: "button", "aria-label": `${name} ${i + 1}` });
    show(button, one.data);
    button.addEventListener("click", () => go(one.knobs));
    return button;
  }));
}

const path = newest(async () => {
  const { before, chosen } = state;
  if (before < 0) return;
  const found = await ask("path", { start: before, end: chosen, kind: $("way").value, steps: wide ? 5 : 7 });
  $("path-help").textContent = `From datum ${before} to datum ${chosen}.`;
  tiles($("path"), found, "step");
});
$("way").append(...about.paths.map((way) => element("option", { value: way }, way)));
$("way").addEventListener("change", path);

let seed = 0;
const samples = newest(async () => {
  tiles($("samples"), await ask("sample", { n: wide ? 6 : 21, seed: seed++, condition: state.condition }), "sample");
});
$("samples-part").hidden = !about.has_prior;
$("again").addEventListener("click", samples);

if (about.conditions) {
  $("condition-row").hidden = false;
  $("condition").append(...about.conditions.map((c) => element("option", { value: c.datum }, c.name)));
  state.condition = about.conditions[0].datum;
  $("condition").addEventListener("change", () => { state.condition = Number($("condition").value); decode(); if (about.has_prior) samples(); });
}

await plane(state.site, []);
decode();
if (about.has_prior) await samples();
document.body.dataset.ready = "yes";
