// What a page looks like: sizes of mathematics, width of the page, contrast of every visible text.
(() => {
  const parsed = new Map();
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    if (!parsed.has(colour)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
      parsed.set(colour, [r, g, b, a / 255]);
    }
    return parsed.get(colour);
  };
  const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3]));
  const background = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const canvas = matchMedia("(prefers-color-scheme: dark)").matches &&
      getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((below, top) => over(top, below), canvas);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element) => {
    const paper = background(element);
    const ink = over(rgba(getComputedStyle(element).color), paper);
    const [light, dark] = [luminance(ink), luminance(paper)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const visible = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    e.getBoundingClientRect().width > 0;
  const kind = (e) => e.closest("math") ? "math" : e.closest("svg") ? "picture" : e.closest("pre, code") ? "code"
    : e.closest("table") ? "table" : "text";

  const lowest = {}, counted = {};
  const main = document.querySelector("article[role=main]") || document.body;
  const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !visible(element) || element.closest("style, script, annotation, desc, title")) continue;
    const of = kind(element);
    if (of === "picture") continue;
    counted[of] = (counted[of] || 0) + 1;
    const ratio = contrast(element);
    if (!(of in lowest) || ratio < lowest[of][0]) {
      lowest[of] = [Math.round(100 * ratio) / 100, walk.currentNode.data.trim().slice(0, 40), element.className];
    }
  }

  const maths = [...document.querySelectorAll("math")].filter((e) => e.parentElement.checkVisibility());
  const flat = maths.filter((e) => {
    const box = e.getBoundingClientRect();
    return !(box.width > 1 && box.height > 4);
  });
  const boxed = (e) => {
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(p).overflowX)) return true;
    }
    return false;
  };
  const cut = [...document.querySelectorAll("math, table, pre, img, svg, iframe")].filter((e) =>
    e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1 && !boxed(e) &&
    !["auto", "scroll"].includes(getComputedStyle(e).overflowX));
  return {
    width: document.scrollingElement.scrollWidth, window: innerWidth,
    maths: maths.length, flat: flat.map((e) => e.textContent.slice(0, 60)),
    cut: cut.map((e) => `${e.tagName} ${e.textContent.trim().slice(0, 60)}`),
    lowest, counted,
  };
})()
