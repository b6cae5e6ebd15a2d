// A datum as the server describes it: pixels, bars, lines or the cells of a table.
export const COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300",
  "#b9ac70", "#717581", "#92dadd"];
const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function pixels(shown) {
  const { width, height, channels } = shown;
  const bytes = Uint8Array.from(atob(shown.pixels), (c) => c.charCodeAt(0));
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 4; c++) image.data[4 * i + c] = c === 3 ? 255 : bytes[channels * i + (channels === 3 ? c : 0)];
  context.putImageData(image, 0, 0);
  return canvas;
}

function chart(shown) {
  const W = 300, H = 150, { low, high, series } = shown;
  const at = (v) => H - 4 - (H - 8) * (v - low) / (high - low);
  const parts = [];
  if (low < 0 && high > 0) parts.push(svg("line", { x1: 0, x2: W, y1: at(0), y2: at(0) }));
  if (shown.kind === "bars") {
    const values = series[0], step = W / values.length, zero = at(Math.max(low, Math.min(0, high)));
    values.forEach((v, i) => parts.push(svg("rect", { x: i * step + step * .12, width: step * .76,
      y: Math.min(at(v), zero), height: Math.abs(at(v) - zero), fill: COLOURS[0], rx: 1.5 })));
  } else {
    series.forEach((values, row) => parts.push(svg("polyline", { class: "line", stroke: COLOURS[row % 10],
      points: values.map((v, i) => `${W * (i + .5) / values.length},${at(v)}`).join(" ") })));
  }
  return svg("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none" }, ...parts);
}

function cells(shown) {
  const rows = shown.cells.map((cell) => {
    const row = element("tr", {}, element("th", { scope: "row" }, cell.name), element("td", {}, cell.text));
    const beside = element("td");
    if (cell.levels) beside.textContent = cell.levels.slice(0, 3)
      .map((level) => `${level.name} ${Math.round(100 * level.share)} %`).join(", ");
    else if (cell.share !== undefined)
      beside.append(element("meter", { min: 0, max: 1, value: cell.share, "aria-label": `${cell.name} in its range` }));
    row.append(beside);
    return row;
  });
  return element("table", { class: "cells" }, element("tbody", {}, ...rows));
}

export function picture(shown) {
  return shown.kind === "image" ? pixels(shown) : shown.kind === "table" ? cells(shown) : chart(shown);
}

export function show(place, data) {
  const several = Object.keys(data).length > 1;
  place.replaceChildren(...Object.entries(data).map(([site, shown]) => {
    const drawn = picture(shown);
    return several ? element("figure", {}, element("figcaption", {}, site), drawn) : drawn;
  }));
}

export const number = (v, digits = 2) => v.toFixed(digits).replace("-", "\u2212");
