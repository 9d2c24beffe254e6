// Explorables in the browser. Before this text stand the parts of d3 it uses (as `d3`) and the
// colour ramps (as `RAMPS`); packing.py says how the answers are packed, wire.py what a picture
// is. The module is the same on a static page, where every answer comes from the packed grid,
// and beside a running kernel, where Python's exact answer replaces it.

// ---------------------------------------------------------------- the packed answers

/** Unpack base64 text (see packing.py) into {shape, domains, at(point) -> picture}. */
export async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = 4 + length;
  const count = header.shape.reduce((product, size) => product * size, 1);
  const which = header.which === null ? null : new Uint16Array(buffer, start + header.which, count);
  // The place of each point among the points of its structure.
  const taken = header.structures.map(() => 0);
  const place = Array.from({ length: count }, (_, point) => taken[which ? which[point] : 0]++);
  const structures = header.structures.map((structure, s) => ({
    tree: structure.tree,
    arrays: structure.arrays.map((slot) => arraySlot(slot, buffer, start, taken[s])),
    values: structure.values.map((slot) => valueSlot(slot, buffer, start, taken[s])),
  }));
  return {
    count,
    shape: header.shape,
    domains: header.domains,
    at(point) {
      const { tree, arrays, values } = structures[which ? which[point] : 0];
      const k = place[point];
      return join(tree, (i) => arrays[i](k), (j) => values[j](k));
    },
  };
}

/** Which distinct entry point k has: stored indices, or all the same, or each its own. */
function chooser(slot, distinct, buffer, start, count) {
  if (slot.at !== null) {
    const indices = new Uint16Array(buffer, start + slot.at, count);
    return (k) => indices[k];
  }
  return distinct === 1 ? () => 0 : (k) => k;
}

function valueSlot(slot, buffer, start, count) {
  const choose = chooser(slot, slot.v.length, buffer, start, count);
  return (k) => slot.v[choose(k)];
}

function arraySlot(slot, buffer, start, count) {
  const choose = chooser(slot, slot.k, buffer, start, count);
  const lengths = Array.isArray(slot.n) ? slot.n : Array(slot.k).fill(slot.n);
  const from = [0];
  for (const n of lengths) from.push(from.at(-1) + n);
  let numbers = null;
  return (k) => {
    numbers ??= readNumbers(slot, buffer, start, from.at(-1));
    const i = choose(k);
    return numbers.subarray(from[i], from[i + 1]);
  };
}

function readNumbers(slot, buffer, start, n) {
  if ("f" in slot) return new Float64Array(buffer.slice(start + slot.f, start + slot.f + 8 * n));
  const bytes = new Uint8Array(buffer, start + slot.q, 2 * n);
  const numbers = new Float64Array(n);
  let level = 0;
  for (let i = 0; i < n; i++) {
    const stored = bytes[i] + 256 * bytes[n + i];
    level = slot.d ? (level + stored) & 65535 : stored;
    const number = level === 65535 ? NaN : slot.lo + slot.s * level;
    numbers[i] = slot.log ? 10 ** number : number;
  }
  return numbers;
}

/** Put arrays and values back into the structure they were taken from. */
function join(structure, array, value) {
  if (Array.isArray(structure)) return structure.map((item) => join(item, array, value));
  if (structure === null || typeof structure !== "object") return structure;
  if ("$" in structure) return array(structure.$);
  if ("=" in structure) return value(structure["="]);
  const out = {};
  for (const name in structure) out[name] = join(structure[name], array, value);
  return out;
}

// ---------------------------------------------------------------- drawing

// Every widget of a notebook loads this module anew, so counting alone would repeat ids.
const ours = `xp-${Math.random().toString(36).slice(2, 8)}`;
let unique = 0;
const paint = (name) => `var(--xp-${name})`;

// JupyterLab takes the arrow keys, Enter and letters for its own unless an element says no.
const FOCUSABLE = ["input", "select", "button", "summary", "pre"];

/** Make an element with attributes ("class", "for", ...; functions are listeners) and children. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (FOCUSABLE.includes(tag)) node.dataset.lmSuppressShortcuts = "true";
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Keep n elements "tag" or "tag.class" in selection g, each with its index as datum. */
function several(g, selector, n) {
  const [tag, name = null] = selector.split(".");
  return g
    .selectAll(selector)
    .data(Array.from({ length: n }, (_, i) => i))
    .join((enter) => enter.append(tag).attr("class", name));
}

/**
 * A picture in `host`: returns draw(tree, domains, resized), to be called again for every
 * change. The width is measured at first and when `resized`, before anything is drawn.
 */
export function picture(host) {
  const row = make("div", { class: "xp-row" });
  host.replaceChildren(row);
  let plots = [];
  let measured = false;
  return (tree, domains, resized = false) => {
    if (plots.length !== tree.plots.length) {
      row.replaceChildren();
      row.dataset.plots = tree.plots.length;
      plots = tree.plots.map(() => newPlot(row));
      measured = false;
    }
    if (resized || !measured) {
      for (const plot of plots) plot.width = Math.max(180, plot.box.clientWidth || 480);
      measured = host.clientWidth > 0;
    }
    tree.plots.forEach((plot, p) => {
      const alone = tree.plots.length === 1;
      drawPlot(plots[p], plot, p, domains, (alone && tree.says) || plot.says || plot.title || tree.says);
    });
  };
}

function newPlot(row) {
  const title = make("p", { class: "xp-plot-title" });
  const legend = make("div", { class: "xp-legend", "aria-hidden": "true" });
  const box = make("div", { class: "xp-plot" }, title, legend);
  row.append(box);
  const svg = d3.select(box).append("svg").attr("class", "xp-svg").attr("role", "img");
  const id = `${ours}-${++unique}`;
  const clip = svg.append("clipPath").attr("id", id).append("rect");
  const frame = svg.append("g");
  return {
    box,
    title,
    legend,
    svg,
    id,
    clip,
    grid: frame.append("g").attr("class", "xp-grid"),
    x: frame.append("g").attr("class", "xp-axis"),
    y: frame.append("g").attr("class", "xp-axis xp-axis-y"),
    xLabel: frame.append("text").attr("class", "xp-label").attr("text-anchor", "middle"),
    yLabel: frame.append("text").attr("class", "xp-label"),
    bar: frame.append("g").attr("class", "xp-bar"),
    marks: frame.append("g"),
    frame,
    keys: {},
  };
}

/** Do `work` only when `key` is another than last time. */
function once(plot, name, key, work) {
  const text = JSON.stringify(key);
  if (plot.keys[name] === text) return;
  plot.keys[name] = text;
  work();
}

function drawPlot(plot, tree, p, domains, alt) {
  const { width } = plot;
  const image = tree.marks.findIndex((mark) => mark.kind === "image");
  const ends = (name) => {
    const found = domains[`${p}.${name}`] ?? [0, 1];
    return [tree[name].low ?? found[0], tree[name].high ?? found[1], found[2]];
  };
  const height = Math.round(width * tree.height + (tree.frame ? 40 : 0));
  const [xEnds, yEnds] = [ends("x"), ends("y")];
  const yTicks = ticks(tree.y, yEnds, Math.max(3, Math.min(6, Math.round(height / 55))));
  const bar = tree.marks.findIndex((mark) => mark.kind === "image" && mark.label);
  const right = bar < 0 ? 14 : 66;
  const left = tree.frame ? Math.max(30, 13 + 7 * longest(yTicks.texts)) : 8;
  const inner = width - left - right;
  const xTicks = ticks(tree.x, xEnds, Math.max(2, Math.floor(inner / 70)));
  const slanted = tree.x.tick_labels && 6.6 * longest(xTicks.texts) > inner / xTicks.places.length;
  const bottom = tree.frame ? 44 + (slanted ? 4 * longest(xTicks.texts) - 12 : 0) : 8;
  const top = tree.frame ? 12 + (tree.y.label ? 20 : 0) : 8;
  const tall = height - top - bottom;
  const x = scale(tree.x, xEnds, [0, inner]);
  const y = scale(tree.y, yEnds, [tall, 0]);

  plot.svg.attr("aria-label", alt);
  once(plot, "title", tree.title, () => {
    plot.title.textContent = tree.title;
    plot.title.hidden = !tree.title;
  });
  once(plot, "legend", tree.marks.map(legendKey), () => drawLegend(plot.legend, tree.marks));
  once(plot, "frame", [width, height, left, top, tree.frame, tree.x, tree.y, xEnds, yEnds], () => {
    plot.svg.attr("viewBox", `0 0 ${width} ${height}`).attr("width", width).attr("height", height);
    plot.frame.attr("transform", `translate(${left},${top})`);
    plot.clip.attr("width", inner).attr("height", tall + 1).attr("y", -0.5);
    for (const part of ["grid", "x", "y", "xLabel", "yLabel"]) {
      plot[part].attr("display", tree.frame ? null : "none");
    }
    if (tree.frame) drawFrame(plot, tree, { x, y, xTicks, yTicks, inner, tall, left, slanted, bottom, plain: image < 0 });
  });
  const seen = { x, y, inner, tall, clip: `url(#${plot.id})` };
  plot.marks
    .selectAll(":scope > g")
    .data(tree.marks)
    .join("g")
    .each(function (mark, m) {
      if (this.dataset.kind !== mark.kind) {
        this.replaceChildren();
        this.dataset.kind = mark.kind;
      }
      MARKS[mark.kind](d3.select(this), mark, seen, domains[`${p}.${m}`] ?? [0, 1]);
    });
  drawBar(plot, bar < 0 ? null : tree.marks[bar], domains[`${p}.${bar}`] ?? [0, 1], inner, tall);
}

function scale(axis, [low, high], range) {
  const made = (axis.scale === "log" ? d3.scaleLog() : d3.scaleLinear()).domain([low, high]).range(range);
  const positive = axis.scale === "log";
  // Far outside the drawing the place does not matter; huge numbers would.
  return (value) =>
    positive && !(value > 0) ? NaN : Math.max(-1e5, Math.min(1e5, made(value)));
}

function longest(texts) {
  return texts.reduce((most, text) => Math.max(most, text.replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g, "").length + 0.6 * (text.match(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g)?.length ?? 0)), 0);
}

function number(value) {
  const text = Math.abs(value) < 1e-12 ? "0" : String(Number(value.toPrecision(6)));
  return text.replace(/-/g, "−");
}

function power(value) {
  const exponent = Math.log10(value);
  if (Math.abs(exponent - Math.round(exponent)) > 1e-6) return number(value);
  return "10" + String(Math.round(exponent)).replace(/./g, (digit) => (digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]));
}

/** The places and texts of an axis's ticks, about n of them. */
function ticks(axis, [low, high, whole], n) {
  if (axis.ticks) return { places: axis.ticks, texts: axis.tick_labels ?? axis.ticks.map(number) };
  let places;
  let texts = number;
  if (axis.scale === "log") {
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const last = Math.floor(Math.log10(high) + 1e-9);
    places = [];
    if (last - first >= 2) {
      const every = Math.max(1, Math.ceil((last - first + 1) / n));
      for (let e = first; e <= last; e++) if (e % every === 0) places.push(10 ** e);
      texts = power;
    } else {
      for (let e = first - 1; e <= last; e++) {
        for (const digit of [1, 2, 5]) places.push(digit * 10 ** e);
      }
      places = places.filter((place) => place >= low * (1 - 1e-9) && place <= high * (1 + 1e-9));
    }
    return { places, texts: places.map(texts) };
  }
  places = d3.scaleLinear().domain([low, high]).ticks(n);
  if (whole) places = places.filter((place) => Number.isInteger(place));
  return { places, texts: places.map(number) };
}

function drawFrame(plot, tree, { x, y, xTicks, yTicks, inner, tall, left, slanted, bottom, plain }) {
  several(plot.grid, "line", plain ? yTicks.places.length : 0)
    .attr("x2", inner)
    .attr("y1", (i) => y(yTicks.places[i]))
    .attr("y2", (i) => y(yTicks.places[i]));
  several(plot.y, "text", yTicks.places.length)
    .attr("x", -7)
    .attr("dy", "0.34em")
    .attr("text-anchor", "end")
    .attr("y", (i) => y(yTicks.places[i]))
    .text((i) => yTicks.texts[i]);
  plot.x.attr("transform", `translate(0,${tall})`);
  several(plot.x, "path", 1).attr("d", () => `M0,0H${inner}` + xTicks.places.map((v) => `M${x(v)},0v5`).join(""));
  several(plot.x, "text", xTicks.places.length)
    .attr("dy", "0.8em")
    .attr("text-anchor", slanted ? "end" : "middle")
    .attr("transform", (i) => `translate(${x(xTicks.places[i])},9)${slanted ? "rotate(-35)" : ""}`)
    .text((i) => xTicks.texts[i]);
  // A label longer than the axis is set in the middle of the whole drawing.
  const long = 6.4 * tree.x.label.length > inner;
  plot.xLabel.attr("x", long ? plot.width / 2 - left : inner / 2).attr("y", tall + bottom - 8).text(tree.x.label);
  plot.yLabel.attr("x", -left + 2).attr("y", -16).text(tree.y.label);
}

const legendKey = (mark) => [mark.kind, mark.label, mark.color, mark.dash, mark.hollow];

function drawLegend(legend, marks) {
  const shown = marks.filter((mark) => mark.label && !["rule", "image"].includes(mark.kind));
  legend.hidden = !shown.length;
  legend.replaceChildren(
    ...shown.map((mark) => {
      const color = paint(mark.color);
      const look = {
        line: `border-top:3px ${mark.dash ? "dashed" : "solid"} ${color};height:0;width:20px`,
        dots: `border:2px solid ${color};border-radius:50%;width:9px;height:9px;` + (mark.hollow ? "" : `background:${color}`),
        band: `background:${color};opacity:.3;width:18px;height:11px`,
        bars: `background:${color};width:11px;height:11px`,
      }[mark.kind];
      return make("span", {}, make("i", { style: look }), mark.label);
    }),
  );
}

const inside = (place, size) => place >= -1 && place <= size + 1;

const MARKS = {
  line(g, mark, { x, y, clip }) {
    const path = d3
      .line()
      .defined((_, i) => !Number.isNaN(x(mark.x[i])) && !Number.isNaN(y(mark.y[i])))
      .x((_, i) => x(mark.x[i]))
      .y((_, i) => y(mark.y[i]));
    several(g.attr("clip-path", clip), "path.xp-line", 1)
      .attr("d", () => path(mark.x))
      .style("stroke", paint(mark.color))
      .style("stroke-width", mark.width)
      .style("stroke-dasharray", mark.dash ? "6 4" : null)
      .style("opacity", mark.opacity);
    if (!mark.arrow) return;
    // the head points from the last point back along which the line has a direction
    const places = Array.from(mark.x, (value, i) => [x(value), y(mark.y[i])]);
    const there = places.filter(([left, top]) => !Number.isNaN(left + top));
    const end = there.at(-1);
    const start = there.findLast(([left, top]) => Math.hypot(end[0] - left, end[1] - top) > 1e-9);
    several(g, "path.xp-head", start ? 1 : 0)
      .style("fill", paint(mark.color))
      .attr("d", () => head(...start, ...end, 5 + 1.5 * mark.width));
  },

  dots(g, mark, { x, y, inner, tall }) {
    const places = Array.from(mark.x, (value, i) => [x(value), y(mark.y[i]), mark.size[i]]);
    const shown = places.filter(([left, top]) => inside(left, inner) && inside(top, tall));
    g.style("opacity", mark.opacity)
      .style("fill", mark.hollow ? "none" : paint(mark.color))
      .style("stroke", mark.hollow ? paint(mark.color) : "none")
      .style("stroke-width", 2);
    several(g, "circle", shown.length)
      .attr("cx", (i) => shown[i][0])
      .attr("cy", (i) => shown[i][1])
      .attr("r", (i) => shown[i][2]);
  },

  band(g, mark, { x, y, clip }) {
    const path = d3
      .area()
      .defined((_, i) => ![x(mark.x[i]), y(mark.low[i]), y(mark.high[i])].some(Number.isNaN))
      .x((_, i) => x(mark.x[i]))
      .y0((_, i) => y(mark.low[i]))
      .y1((_, i) => y(mark.high[i]));
    several(g.attr("clip-path", clip), "path", 1)
      .attr("d", () => path(mark.x))
      .style("fill", paint(mark.color))
      .style("opacity", 0.22);
  },

  bars(g, mark, { x, y, tall, clip }) {
    const base = Number.isNaN(y(mark.base)) ? tall : y(mark.base);
    const end = (i) => (Number.isNaN(y(mark.y[i])) ? base : y(mark.y[i]));
    several(g.attr("clip-path", clip), "rect", mark.x.length)
      .attr("x", (i) => x(mark.x[i] - mark.width / 2))
      .attr("width", (i) => Math.max(0, x(mark.x[i] + mark.width / 2) - x(mark.x[i] - mark.width / 2)))
      .attr("y", (i) => Math.min(base, end(i)))
      .attr("height", (i) => Math.abs(end(i) - base))
      .style("fill", paint(mark.color));
    several(g, "line", mark.low && mark.high ? mark.x.length : 0)
      .attr("x1", (i) => x(mark.x[i]))
      .attr("x2", (i) => x(mark.x[i]))
      .attr("y1", (i) => y(mark.low[i]) || 0)
      .attr("y2", (i) => y(mark.high[i]) || 0)
      .style("stroke", paint("ink"))
      .style("stroke-width", 1.5);
  },

  rule(g, mark, { x, y, inner, tall }) {
    const rules = [];
    if (mark.x !== null && inside(x(mark.x), inner)) rules.push({ at: x(mark.x), upright: true });
    if (mark.y !== null && inside(y(mark.y), tall)) rules.push({ at: y(mark.y), upright: false });
    several(g, "path", rules.length)
      .attr("d", (i) => (rules[i].upright ? `M${rules[i].at},0V${tall}` : `M0,${rules[i].at}H${inner}`))
      .style("stroke", paint(mark.color))
      .style("stroke-width", 1.4)
      .style("stroke-dasharray", mark.dash ? "6 4" : null);
    const flip = (rule) => rule.upright && rule.at > inner * 0.75;
    several(g, "text.xp-note", mark.label ? rules.length : 0)
      .attr("x", (i) => (rules[i].upright ? rules[i].at + (flip(rules[i]) ? -5 : 5) : inner - 2))
      .attr("y", (i) => (rules[i].upright ? 11 : rules[i].at < 16 ? rules[i].at + 14 : rules[i].at - 5))
      .attr("text-anchor", (i) => (rules[i].upright && !flip(rules[i]) ? "start" : "end"))
      .text(mark.label);
  },

  text(g, mark, { x, y, inner, tall }) {
    several(g, "text", mark.x.length)
      .attr("x", (i) => x(mark.x[i]) || 0)
      .attr("y", (i) => y(mark.y[i]) || 0)
      .attr("display", (i) => (inside(x(mark.x[i]), inner) && inside(y(mark.y[i]), tall) ? null : "none"))
      .attr("dy", "0.35em")
      .attr("text-anchor", mark.anchor)
      .style("font-size", `${Math.max(11, mark.size)}px`)
      .style("fill", paint(mark.color))
      .text((i) => mark.text[i]);
  },

  image(g, mark, { x, y, clip }, found) {
    const rows = mark.z.length / mark.columns;
    const color = ramp(mark, found);
    const canvas = document.createElement("canvas");
    canvas.width = mark.columns;
    canvas.height = rows;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(mark.columns, rows);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < mark.columns; c++) {
        const value = mark.z[r * mark.columns + c];
        if (!Number.isNaN(value)) pixels.data.set(color(value), 4 * ((rows - 1 - r) * mark.columns + c));
      }
    }
    context.putImageData(pixels, 0, 0);
    const [left, right] = [x(mark.x[0]), x(mark.x[1])];
    const [low, high] = [y(mark.y[0]), y(mark.y[1])];
    several(g.attr("clip-path", clip), "image", 1)
      .attr("preserveAspectRatio", "none")
      .attr("x", Math.min(left, right))
      .attr("y", Math.min(low, high))
      .attr("width", Math.abs(right - left))
      .attr("height", Math.abs(high - low))
      .attr("href", canvas.toDataURL());
  },

  edges(g, mark, { x, y }, found) {
    const limit = mark.limit || found[1] || 1;
    const n = mark.value.length;
    const name = (i, a, b) => [mark[`x${a}`][i], mark[`y${a}`][i], mark[`x${b}`][i], mark[`y${b}`][i]].join();
    const there = new Set(Array.from({ length: n }, (_, i) => name(i, 1, 2)));
    const ways = Array.from({ length: n }, (_, i) => {
      const bent = there.has(name(i, 2, 1)) ? 0.16 : 0;
      return way(x(mark.x1[i]), y(mark.y1[i]), x(mark.x2[i]), y(mark.y2[i]), bent);
    });
    const width = (i) => Math.max(0.75, Math.min(1, Math.abs(mark.value[i] || 0) / limit) * mark.max_width);
    const color = (i) => paint(mark.value[i] >= 0 ? "orange" : "blue");
    const hidden = (i) => (Number.isNaN(mark.value[i]) ? "none" : null);
    several(g, "path.xp-line", n)
      .attr("display", hidden)
      .attr("d", (i) => ways[i].path)
      .style("stroke", color)
      .style("stroke-width", width);
    several(g, "path.xp-head", n)
      .attr("display", hidden)
      .attr("d", (i) => head(...ways[i].arrow, 7 + width(i)))
      .style("fill", color);
    several(g, "text", mark.labels ? n : 0)
      .attr("class", "xp-note xp-halo")
      .attr("x", (i) => ways[i].label[0])
      .attr("y", (i) => ways[i].label[1])
      .attr("dy", "0.35em")
      .attr("text-anchor", "middle")
      .text((i) => mark.labels[i]);
  },

  nodes(g, mark, { x, y }) {
    const value = (i) => (mark.value && !Number.isNaN(mark.value[i]) ? mark.value[i] : null);
    several(g, "circle", mark.x.length)
      .attr("cx", (i) => x(mark.x[i]))
      .attr("cy", (i) => y(mark.y[i]))
      .attr("r", mark.size)
      .style("fill", (i) => (value(i) === null ? paint("paper") : `rgb(${mix("diverging", (value(i) + 1) / 2)})`))
      .style("stroke", paint("ink"))
      .style("stroke-width", 1.4);
    several(g, "text", mark.labels ? mark.x.length : 0)
      .attr("x", (i) => x(mark.x[i]))
      .attr("y", (i) => y(mark.y[i]))
      .attr("dy", "0.35em")
      .attr("text-anchor", "middle")
      .style("font-size", "12px")
      .style("fill", (i) => (value(i) === null ? paint("ink") : Math.abs(value(i)) > 0.55 ? "#fefefe" : "#1b1b1b"))
      .text((i) => mark.labels[i]);
  },
};

/** An arrow head of a size whose tip is at (x2, y2), pointing away from (x1, y1). */
function head(x1, y1, x2, y2, size) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [u, v] = [((x2 - x1) / length) * size, ((y2 - y1) / length) * size];
  return `M${x2},${y2}L${x2 - u - 0.45 * v},${y2 - v + 0.45 * u}L${x2 - u + 0.45 * v},${y2 - v - 0.45 * u}Z`;
}

/** The path of an edge, where its arrow points, and where its label stands. */
function way(x1, y1, x2, y2, bent) {
  if (x1 === x2 && y1 === y2) {
    return {
      path: `M${x1 - 7},${y1 - 8}C${x1 - 30},${y1 - 48} ${x1 + 30},${y1 - 48} ${x1 + 7},${y1 - 8}`,
      arrow: [x1 - 6, y1 - 38, x1 + 4, y1 - 38],
      label: [x1, y1 - 52],
    };
  }
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = Math.hypot(dx, dy);
  const [cx, cy] = [(x1 + x2) / 2 + bent * dy, (y1 + y2) / 2 - bent * dx];
  // A point of the curve at t; the arrow stands past the middle, the label beside it.
  const at = (t) => [
    (1 - t) ** 2 * x1 + 2 * t * (1 - t) * cx + t * t * x2,
    (1 - t) ** 2 * y1 + 2 * t * (1 - t) * cy + t * t * y2,
  ];
  const [mx, my] = at(0.42);
  return {
    path: `M${x1},${y1}Q${cx},${cy} ${x2},${y2}`,
    arrow: [...at(0.6), ...at(0.66)],
    label: [mx + (12 * dy) / length, my - (12 * dx) / length],
  };
}

const stops = {};

/** The colour of a ramp at a share from 0 to 1, as [red, green, blue]. */
function mix(name, share) {
  stops[name] ??= RAMPS[name].map((text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)));
  const table = stops[name];
  const place = Math.max(0, Math.min(1, share)) * (table.length - 1);
  const i = Math.min(Math.floor(place), table.length - 2);
  return table[i].map((low, k) => Math.round(low + (table[i + 1][k] - low) * (place - i)));
}

function rampEnds(mark, found) {
  const [low, high] = [mark.low ?? found[0], mark.high ?? found[1]];
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

function ramp(mark, found) {
  const [low, high] = rampEnds(mark, found);
  return (value) => [...mix(mark.ramp, (value - low) / (high - low)), 255];
}

function drawBar(plot, mark, found, inner, tall) {
  const ends = mark && rampEnds(mark, found);
  once(plot, "bar", mark && [mark.ramp, mark.label, ends, inner, tall], () => {
    plot.bar.selectAll("*").remove();
    if (!mark) return;
    const id = `${plot.id}-ramp`;
    const gradient = plot.bar.append("linearGradient").attr("id", id).attr("y1", 1).attr("y2", 0).attr("x2", 0);
    RAMPS[mark.ramp].forEach((color, i, all) => {
      gradient.append("stop").attr("offset", i / (all.length - 1)).attr("stop-color", color);
    });
    plot.bar.append("rect").attr("x", inner + 12).attr("width", 11).attr("height", tall).attr("fill", `url(#${id})`);
    const y = d3.scaleLinear().domain(ends).range([tall, 0]);
    const places = y.ticks(5);
    several(plot.bar, "text", places.length)
      .attr("x", inner + 27)
      .attr("y", (i) => y(places[i]))
      .attr("dy", "0.34em")
      .text((i) => number(places[i]));
    plot.bar.append("text").attr("class", "xp-label").attr("x", inner + 60).attr("y", -8).attr("text-anchor", "end").text(mark.label);
  });
}

// ---------------------------------------------------------------- the widget

const PATIENCE = 8000; // ms without an answer after which Python counts as gone
const ANNOUNCE = 700; // ms of rest after which a screen reader is told what is seen

async function render({ model, el }) {
  const about = model.get("about");
  const baked = await unpack(model.get("baked"));
  const stop = new AbortController();
  const fixed = Boolean(model.fixed); // a page without a kernel (mount.js)
  const view = layout(about, fixed);
  el.replaceChildren(view.root);
  const draw = picture(view.picture);
  const start = Object.fromEntries(about.controls.map((control) => [control.name, control.value]));
  const state = { setting: { ...start }, alive: false, asked: null, question: 0, timer: 0, shown: null, moved: false };

  const settled = `precomputed at ${baked.count} settings`;
  const badge = (kind, text) => {
    view.badge.textContent = text;
    view.root.dataset.state = kind;
  };

  let resting = 0;
  function show(tree) {
    const began = performance.now();
    state.shown = tree;
    draw(tree, baked.domains);
    view.says.textContent = tree.says;
    const ms = performance.now() - began;
    view.root.dispatchEvent(new CustomEvent("xp:redraw", { bubbles: true, detail: { ms } }));
    clearTimeout(resting);
    if (state.moved) resting = setTimeout(() => (view.live.textContent = tree.says), ANNOUNCE);
  }

  function update() {
    const point = about.controls.reduce(
      (flat, control, i) => flat * baked.shape[i] + nearest(control, state.setting[control.name]),
      0,
    );
    view.set(state.setting);
    view.error.hidden = true;
    show(baked.at(point));
    if (state.alive) ask();
    else badge("baked", settled);
  }

  // One question at a time; an answer to another setting than the present one is dropped and
  // the present one asked, so no backlog builds up however fast a knob moves.
  function ask() {
    badge("computing", "computing…");
    if (state.asked) return;
    state.asked = { id: ++state.question, key: JSON.stringify(state.setting) };
    model.send({ kind: "ask", id: state.asked.id, setting: state.setting });
    state.timer = setTimeout(() => {
      state.asked = null;
      state.alive = false;
      badge("baked", `${settled}; Python does not answer`);
    }, PATIENCE);
  }

  function receive(message, buffers) {
    if (message.kind === "alive") {
      state.alive = true;
      view.refine();
      ask();
      return;
    }
    if (message.id !== state.question) return;
    clearTimeout(state.timer);
    const key = state.asked?.key ?? JSON.stringify(state.setting);
    state.asked = null;
    state.alive = true;
    if (key !== JSON.stringify(state.setting)) {
      ask();
    } else if (message.kind === "error") {
      badge("error", "Python raised an error");
      view.fail(message, pythonCall(about, state.setting));
    } else if (message.kind === "answer") {
      const arrays = buffers.map(toNumbers);
      show(join(message.structure, (i) => arrays[i], (j) => message.values[j]));
      badge("exact", "exact (computed now by Python)");
    }
  }

  let waiting = false;
  function change(name, value) {
    state.setting[name] = value;
    state.moved = true;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (!stop.signal.aborted) update();
    });
  }
  view.listen(change, () => {
    Object.assign(state.setting, start);
    update();
  });
  view.copies(() => deepLink(about, state.setting), () => pythonCall(about, state.setting));

  const follow = () => {
    const found = fromHash(about, location.hash);
    if (!found) return;
    Object.assign(state.setting, start, found);
    update();
    view.root.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", follow, { signal: stop.signal });
  let width = 0;
  const resized = new ResizeObserver(() => {
    if (view.picture.clientWidth === width) return;
    width = view.picture.clientWidth;
    if (state.shown) draw(state.shown, baked.domains, true);
  });
  resized.observe(view.picture);
  update();
  follow();
  model.on("msg:custom", receive);
  model.send({ kind: "hello" });
  return () => {
    stop.abort();
    resized.disconnect();
    clearTimeout(resting);
    clearTimeout(state.timer);
    model.off("msg:custom", receive);
  };
}

const toNumbers = (view) => new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

function nearest(control, value) {
  if (control.kind === "choice") return control.options.indexOf(value);
  return Math.round((value - control.low) / control.step);
}

const written = (control, value) => (control.kind === "choice" ? value : Number(value).toFixed(control.decimals));

/** Everything but the drawing: the knobs, what is said, the buttons. */
function layout(about, fixed) {
  const id = `${ours}-${++unique}`;
  const knobs = about.controls.map((control, i) => knob(control, `${id}-${i}`));
  const badge = make("span", { class: "xp-badge" });
  const area = make("div", { class: "xp-picture" });
  const says = make("p", { class: "xp-says" });
  const live = make("p", { class: "xp-hidden", "aria-live": "polite" });
  const error = make("div", { class: "xp-error", role: "alert", hidden: true });
  const copied = make("div", { class: "xp-copied", hidden: true });
  const button = (text) => make("button", { type: "button" }, text);
  const [reset, link, python] = [button("Reset"), button("Copy link"), button("Copy Python")];
  link.hidden = !fixed; // a link leads to a page; a notebook in JupyterLab has none to share
  const root = make(
    "div",
    { class: "xp", role: "group", "aria-labelledby": `${id}-title` },
    make("div", { class: "xp-head-line" }, make("p", { class: "xp-title", id: `${id}-title` }, about.title), badge),
    make("div", { class: "xp-controls" }, ...knobs.map((one) => one.node)),
    area,
    says,
    live,
    error,
    make("p", { class: "xp-caption" }, about.caption),
    make("div", { class: "xp-buttons" }, reset, link, python),
    copied,
  );
  return {
    root,
    badge,
    picture: area,
    says,
    live,
    error,
    set: (setting) => knobs.forEach((one) => one.set(setting[one.name])),
    refine: () => knobs.forEach((one) => one.refine?.()),
    listen(change, back) {
      knobs.forEach((one) => one.listen((value) => change(one.name, value)));
      reset.addEventListener("click", back);
    },
    copies(toLink, toPython) {
      link.addEventListener("click", () => copy(link, copied, toLink()));
      python.addEventListener("click", () => copy(python, copied, toPython()));
    },
    fail(problem, call) {
      error.replaceChildren(
        make("p", {}, make("strong", {}, problem.type), `: ${problem.message}`),
        make("p", {}, "at ", make("code", {}, call), ". The picture shows the nearest precomputed setting."),
        make("details", {}, make("summary", {}, "Traceback"), make("pre", { tabindex: "0" }, problem.traceback)),
      );
      error.hidden = false;
    },
  };
}

function knob(control, id) {
  if (control.kind === "slider") return sliderKnob(control, id);
  const short = control.options.length <= 4 && control.options.join("").length <= 40;
  return short ? radioKnob(control, id) : selectKnob(control, id);
}

function sliderKnob(control, id) {
  const input = make("input", {
    type: "range",
    id,
    min: control.low,
    max: control.high,
    step: control.step,
    value: control.value,
  });
  // A slider announces its own value; the output beside it stays silent.
  const output = make("output", { for: id, "aria-live": "off" });
  return {
    name: control.name,
    node: make("div", { class: "xp-knob" }, make("label", { for: id }, control.label), output, input),
    set(value) {
      const text = written(control, value);
      if (Number(input.value) !== value) input.value = value;
      if (output.value !== text) output.value = text;
      input.setAttribute("aria-valuetext", text.replace("-", "−"));
      input.style.setProperty("--xp-share", (value - control.low) / (control.high - control.low));
    },
    refine: () => (input.step = control.fine),
    listen(change) {
      input.addEventListener("input", () => {
        const value = Number(Number(input.value).toFixed(10));
        change(value);
      });
    },
  };
}

function selectKnob(control, id) {
  const select = make("select", { id }, ...control.options.map((option) => make("option", { value: option }, option)));
  return {
    name: control.name,
    node: make("div", { class: "xp-knob" }, make("label", { for: id }, control.label), select),
    set: (value) => (select.value = value),
    listen: (change) => select.addEventListener("change", () => change(select.value)),
  };
}

function radioKnob(control, id) {
  const radios = control.options.map((option) => make("input", { type: "radio", name: id, value: option }));
  return {
    name: control.name,
    node: make(
      "fieldset",
      { class: "xp-knob" },
      make("legend", {}, control.label),
      make("div", { class: "xp-radios" }, ...radios.map((radio) => make("label", {}, radio, make("span", {}, radio.value)))),
    ),
    set: (value) => radios.forEach((radio) => (radio.checked = radio.value === value)),
    listen: (change) => radios.forEach((radio) => radio.addEventListener("change", () => change(radio.value))),
  };
}

/** Copy, and say so; where the browser does not allow it, show the text selected. */
async function copy(button, place, text) {
  try {
    await navigator.clipboard.writeText(text);
    place.hidden = true;
    const name = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = name), 1200);
  } catch {
    const field = make("input", { readonly: true, "aria-label": "Text to copy" });
    field.value = text;
    place.replaceChildren(make("span", {}, "Copy this text:"), field);
    place.hidden = false;
    field.focus();
    field.select();
  }
}

/** The call that makes the picture in Python: flow(lag=3, w=1.0, f="tanh"). */
function pythonCall(about, setting) {
  const given = about.controls.map((control) => {
    const value = setting[control.name];
    if (control.kind === "choice") return `${control.name}=${JSON.stringify(value)}`;
    return `${control.name}=${control.integer || !Number.isInteger(value) ? value : value.toFixed(1)}`;
  });
  return `${about.name}(${given.join(", ")})`;
}

function deepLink(about, setting) {
  return `${location.href.split("#")[0]}#xp:${about.name}?${new URLSearchParams(setting)}`;
}

/** The setting in a link to this explorable, or null. What is out of range is left out. */
function fromHash(about, hash) {
  const [name, query] = decodeURI(hash).split("?");
  if (name !== `#xp:${about.name}` || !query) return null;
  const found = {};
  const given = new URLSearchParams(query);
  for (const control of about.controls) {
    const text = given.get(control.name);
    if (text === null) continue;
    if (control.kind === "choice") {
      if (control.options.includes(text)) found[control.name] = text;
      continue;
    }
    const value = Number(text);
    if (!(value >= control.low && value <= control.high)) continue;
    const snapped = control.low + control.step * nearest(control, value);
    found[control.name] = Number(snapped.toFixed(10));
  }
  return found;
}

/** Draw a picture without knobs into an element, and again when its width changes. */
export async function still(element, packed) {
  const baked = await unpack(packed);
  const host = make("div", { class: "xp xp-still" });
  element.replaceChildren(host);
  const draw = picture(host);
  let width = 0;
  new ResizeObserver(() => {
    if (host.clientWidth === width || !host.clientWidth) return;
    width = host.clientWidth;
    draw(baked.at(0), baked.domains, true);
  }).observe(host);
  draw(baked.at(0), baked.domains);
}

export default { render };
