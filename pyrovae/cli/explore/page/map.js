// The map: data as points in a plane of the latent space, and the place that is decoded.
import { COLOURS, pixels } from "./show.js";

const NEAR = 9, THUMBNAILS = 60;

export class LatentMap {
  // moved(point) and chosen(index) are told of what a person does; thumbnails(list) is asked for pictures.
  constructor(canvas, { labels, moved, chosen, thumbnails }) {
    Object.assign(this, { canvas, labels, moved, chosen, thumbnails });
    this.points = [];
    this.here = null;
    this.picked = -1;
    this.draggable = true;
    this.pictures = new Map();
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.listen();
  }

  set(points) {
    this.points = points;
    const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
    const middle = (v) => (Math.min(...v) + Math.max(...v)) / 2;
    this.centre = [middle(xs), middle(ys)];
    this.reach = Math.max(...points.flatMap((p) => [Math.abs(p[0] - this.centre[0]), Math.abs(p[1] - this.centre[1])]), 1e-3) * 1.15;
    this.resize();
  }

  resize() {
    const ratio = devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = this.canvas;
    if (!w || !h) return;
    [this.width, this.height] = [w, h];
    this.canvas.width = w * ratio;
    this.canvas.height = h * ratio;
    this.context = this.canvas.getContext("2d");
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  get scale() { return Math.min(this.width, this.height) / 2 / this.reach; }
  screen([x, y]) { return [this.width / 2 + (x - this.centre[0]) * this.scale, this.height / 2 - (y - this.centre[1]) * this.scale]; }
  world([x, y]) { return [this.centre[0] + (x - this.width / 2) / this.scale, this.centre[1] - (y - this.height / 2) / this.scale]; }

  nearest(at, within = Infinity) {
    let best = -1, least = within;
    this.points.forEach((point, i) => {
      const [x, y] = this.screen(point), d = Math.hypot(x - at[0], y - at[1]);
      if (d < least) [best, least] = [i, d];
    });
    return best;
  }

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let start = null, last = null, dragged = false;
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      start = last = at(event);
      dragged = false;
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!start) return;
      const now = at(event);
      if (Math.hypot(now[0] - start[0], now[1] - start[1]) > 3) dragged = true;
      if (!dragged) return;
      if (event.shiftKey) {
        this.centre = [this.centre[0] - (now[0] - last[0]) / this.scale, this.centre[1] + (now[1] - last[1]) / this.scale];
        this.draw();
      } else if (this.draggable) this.moved(this.world(now));
      last = now;
    });
    const end = (event) => {
      if (start && !dragged && event.type === "pointerup") {
        const near = this.nearest(start, this.shows() ? 24 : NEAR);
        if (near >= 0) this.chosen(near);
        else if (this.draggable) this.moved(this.world(start));
      }
      start = null;
    };
    this.canvas.addEventListener("pointerup", end);
    this.canvas.addEventListener("pointercancel", end);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.0015), at(event));
    }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  zoom(factor, at = [this.width / 2, this.height / 2]) {
    const before = this.world(at);
    this.reach *= factor;
    const after = this.world(at);
    this.centre = [this.centre[0] + before[0] - after[0], this.centre[1] + before[1] - after[1]];
    this.draw();
  }

  key(event) {
    const step = this.reach / 25, way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (way && this.draggable && this.here) this.moved([this.here[0] + step * way[0], this.here[1] + step * way[1]]);
    else if (event.key === "+" || event.key === "=") this.zoom(0.8);
    else if (event.key === "-") this.zoom(1.25);
    else if (event.key === "Enter" && this.here) this.chosen(this.nearest(this.screen(this.here)));
    else return;
    event.preventDefault();
  }

  visible() {
    const found = [];
    this.points.forEach((p, i) => {
      const [x, y] = this.screen(p);
      if (x > 0 && y > 0 && x < this.width && y < this.height) found.push(i);
    });
    return found;
  }

  shows() { return this.thumbnails && this.visible().length <= THUMBNAILS; }

  draw() {
    const c = this.context;
    if (!c || !this.points.length) return;
    const style = getComputedStyle(this.canvas), ink = style.color;
    c.clearRect(0, 0, this.width, this.height);
    c.strokeStyle = ink;
    c.globalAlpha = 0.12;
    const zero = this.screen([0, 0]);
    c.beginPath();
    c.moveTo(zero[0], 0); c.lineTo(zero[0], this.height);
    c.moveTo(0, zero[1]); c.lineTo(this.width, zero[1]);
    c.stroke();
    const seen = this.visible(), near = this.thumbnails && seen.length <= THUMBNAILS;
    c.globalAlpha = near ? 1 : 0.75;
    const radius = Math.max(2.5, Math.min(6, 90 / Math.sqrt(seen.length + 1)));
    for (const i of seen) {
      const [x, y] = this.screen(this.points[i]), picture = near && this.pictures.get(i);
      c.fillStyle = COLOURS[(this.labels ? this.labels[i] : 0) % 10];
      if (picture) {
        const size = 34, high = size * picture.height / picture.width;
        c.fillRect(x - size / 2 - 2, y - high / 2 - 2, size + 4, high + 4);
        c.imageSmoothingEnabled = false;
        c.drawImage(picture, x - size / 2, y - high / 2, size, high);
      } else {
        c.beginPath();
        c.arc(x, y, radius, 0, 7);
        c.fill();
      }
    }
    c.globalAlpha = 1;
    if (this.picked >= 0) this.ring(this.screen(this.points[this.picked]), near ? 26 : 9, ink);
    if (this.here) this.cross(this.screen(this.here), ink, style.backgroundColor);
    if (near) this.fetch(seen.filter((i) => !this.pictures.has(i)));
  }

  ring([x, y], radius, ink) {
    const c = this.context;
    c.lineWidth = 2; c.strokeStyle = ink;
    c.beginPath(); c.arc(x, y, radius, 0, 7); c.stroke();
  }

  cross([x, y], ink, paper) {
    const c = this.context;
    for (const [width, colour] of [[5, paper], [2, ink]]) {
      c.lineWidth = width; c.strokeStyle = colour;
      c.beginPath();
      for (const [a, b] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { c.moveTo(x + 3 * a, y + 3 * b); c.lineTo(x + 11 * a, y + 11 * b); }
      c.stroke();
    }
    c.lineWidth = 1;
  }

  async fetch(lacking) {
    if (!lacking.length || this.fetching) return;
    this.fetching = true;
    try {
      const found = await this.thumbnails(lacking);
      found.forEach((shown, i) => this.pictures.set(lacking[i], pixels(shown)));
    } finally { this.fetching = false; }
    this.draw();
  }
}
