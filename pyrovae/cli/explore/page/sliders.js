// Labelled sliders, whose values are read out as they change.
import { element, number, svg } from "./show.js";

export class Slider {
  constructor({ id, label, title, low, high, step, share, say, changed }) {
    this.say = say ?? ((v) => number(v));
    this.input = element("input", { type: "range", id, min: low, max: high, step });
    this.output = element("output", { for: id, "aria-live": "off" });
    this.row = element("div", { class: "slider" }, element("label", { for: id, title }, label), this.input, this.output);
    if (share !== undefined) this.row.append(svg("svg", { class: "kl", viewBox: "0 0 100 3", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { width: 100 * share, height: 3 })));
    this.input.addEventListener("input", () => { this.tell(); changed(this.input.valueAsNumber); });
  }

  get value() { return this.input.valueAsNumber; }

  set(value) {
    this.input.value = value;
    this.tell(value);
  }

  tell(value = this.input.valueAsNumber) {
    const text = this.say(value);
    this.output.textContent = text;
    this.input.setAttribute("aria-valuetext", text);
  }
}

// One for each knob of each latent, in the order of their KL.
export function latentSliders(place, sites, changed) {
  const made = {};
  const most = Math.max(1e-9, ...sites.flatMap((s) => s.knobs.map((k) => k.kl ?? 0)));
  for (const site of sites) {
    if (sites.length > 1) place.append(element("h3", {}, `Latent ${site.name}`));
    made[site.name] = {};
    for (const knob of site.knobs) {
      const separate = site.choices !== null;
      const slider = new Slider({
        id: `knob-${site.name}-${knob.index}`, label: knob.name, low: knob.low, high: knob.high,
        title: knob.kl === null ? knob.name : `${knob.name}: KL ${number(knob.kl)} nats`,
        step: separate ? 1 : (knob.high - knob.low) / 200, share: knob.kl === null ? undefined : Math.max(0, knob.kl) / most,
        say: separate ? (v) => `${Math.round(v) + 1} of ${site.choices}` : undefined,
        changed: (value) => changed(site.name, knob.index, value),
      });
      made[site.name][knob.index] = slider;
      place.append(slider.row);
    }
  }
  return made;
}

export function attributeSliders(place, attributes, changed) {
  return attributes.map((attribute, i) => {
    let before = 0;
    const slider = new Slider({
      id: `attribute-${i}`, label: attribute.name, title: attribute.name, low: -2, high: 2, step: 0.05,
      changed: (value) => { changed(attribute.vector, value - before); before = value; },
    });
    slider.reset = () => { before = 0; slider.set(0); };
    slider.reset();
    place.append(slider.row);
    return slider;
  });
}
