// One time cursor for all charts of a page: pointed at, or moved with the arrow keys on a focused chart.
//
// A [data-knots] element holds charts on one time axis. Its knots are [per mille of the width, second], so an axis with
// cuts is piecewise linear. An svg with data-series has values; one without only shows the line.

type Knots = [place: number, second: number][];

interface Series {
  start: number;
  step: number;
  unit: string;
  values: (number | null)[];
  top: number;
  inner: number;
  high: number;
}

const SVG = "http://www.w3.org/2000/svg";
let group: HTMLElement | undefined;
let second: number | undefined;

export function followCursor(): void {
  document.addEventListener("pointermove", point);
  document.addEventListener("keydown", step);
  addEventListener("fresh", draw);
}

function point(event: PointerEvent): void {
  const plot = event.target instanceof Element ? event.target.closest<SVGSVGElement>("svg[data-cursor]") : null;
  const inside = plot?.closest<HTMLElement>("[data-knots]");
  if (!plot || !inside) {
    if (second !== undefined && !group?.contains(document.activeElement)) set(undefined, undefined);
    return;
  }
  const box = plot.getBoundingClientRect();
  set(inside, secondAt(knotsOf(inside), ((event.clientX - box.left) / box.width) * 1000));
}

function step(event: KeyboardEvent): void {
  const plot = document.activeElement?.closest<SVGSVGElement>("svg[data-series]");
  const inside = plot?.closest<HTMLElement>("[data-knots]");
  const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
  const move = moves[event.key];
  if (!plot || !inside) return;
  if (event.key === "Escape") set(undefined, undefined);
  if (move === undefined) return;
  event.preventDefault();
  const series = seriesOf(plot);
  const last = series.start + series.step * (series.values.length - 1);
  const from = second ?? last;
  set(inside, Math.min(Math.max(from + move * series.step, series.start), last));
}

function set(inside: HTMLElement | undefined, at: number | undefined): void {
  if (group && group !== inside) clear(group);
  group = inside;
  second = at;
  draw();
}

function draw(): void {
  if (!group?.isConnected || second === undefined) {
    if (group) clear(group);
    return;
  }
  const x = `${(placeOf(knotsOf(group), second) / 10).toFixed(2)}%`;
  for (const plot of group.querySelectorAll<SVGSVGElement>("svg[data-cursor]")) drawOn(plot, x, second, group);
}

function drawOn(plot: SVGSVGElement, x: string, at: number, inside: HTMLElement): void {
  const layer = layerOf(plot);
  layer.replaceChildren();
  const height = Number(plot.getAttribute("height"));
  if (plot.dataset["cursor"] === "axis") {
    layer.append(element("text", { class: "cursor-label mid", x, y: "16" }, clockOf(at, inside)));
    return;
  }
  const series = plot.dataset["series"] === undefined ? undefined : seriesOf(plot);
  const top = series?.top ?? 0;
  const bottom = series ? series.top + series.inner : height;
  layer.append(element("line", { class: "cursor", x1: x, x2: x, y1: String(top), y2: String(bottom) }));
  if (!series) return;
  const value = series.values[Math.round((at - series.start) / series.step)];
  // Charts in rows share one axis above them; a chart that stands alone has its own below.
  if (!inside.querySelector('[data-cursor="axis"]')) {
    layer.append(element("text", { class: "cursor-label mid", x, y: String(bottom + 16) }, clockOf(at, inside)));
  }
  if (value === null || value === undefined) return;
  const y = top + series.inner * (1 - Math.min(value / series.high, 1));
  const mark = element("svg", { x, y: String(y), overflow: "visible" });
  mark.append(element("path", { class: "seen", d: "M0-5 5 0 0 5-5 0z" }));
  const near = Number.parseFloat(x) > 80 ? { dx: "-9", class: "cursor-label end" } : { dx: "9", class: "cursor-label" };
  const label = element("text", { ...near, x, y: String(Math.max(y - 8, top + 12)) }, `${format(value)} ${series.unit}`);
  layer.append(mark, label);
}

function layerOf(plot: SVGSVGElement): SVGElement {
  const found = plot.querySelector<SVGElement>(":scope > .cursor-layer");
  if (found) return found;
  const layer = element("g", { class: "cursor-layer" });
  plot.append(layer);
  return layer;
}

function clear(inside: HTMLElement): void {
  for (const layer of inside.querySelectorAll(".cursor-layer")) layer.replaceChildren();
}

function seriesOf(plot: SVGSVGElement): Series {
  return JSON.parse(plot.dataset["series"] ?? "{}") as Series;
}

function knotsOf(inside: HTMLElement): Knots {
  return JSON.parse(inside.dataset["knots"] ?? "[]") as Knots;
}

function secondAt(knots: Knots, place: number): number {
  return between(knots.map(([x, at]) => [x, at]), place);
}

function placeOf(knots: Knots, at: number): number {
  return between(knots.map(([x, known]) => [known, x]), at);
}

function between(pairs: [number, number][], from: number): number {
  for (let index = 1; index < pairs.length; index++) {
    const [x0, y0] = pairs[index - 1]!;
    const [x1, y1] = pairs[index]!;
    if (from <= x1 || index === pairs.length - 1) {
      const share = Math.min(Math.max((from - x0) / (x1 - x0), 0), 1);
      return y0 + share * (y1 - y0);
    }
  }
  return 0;
}

function clockOf(at: number, inside: HTMLElement): string {
  if (inside.dataset["clock"] === "utc") return new Date(at * 1000).toISOString().slice(11, 19);
  const whole = Math.round(Math.abs(at));
  return `${at < 0 && whole ? "\u2212" : ""}${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function element(name: string, attributes: Record<string, string>, text?: string): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
