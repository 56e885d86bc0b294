// Makes elements whose text is always text: strings become text nodes, never markup.

export function el(tag, name, ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function safeUrl(url) {
  try {
    const parsed = new URL(String(url));
    return ["http:", "https:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

// A link, where the address is one of the web; else only what it would have shown.
export function link(url, name, ...children) {
  const href = safeUrl(url);
  if (!href) return el("span", name, ...children);
  const node = el("a", name, ...children);
  node.href = href;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  return node;
}

export function lines(text) {
  return String(text).split("\n").flatMap((line, index) => (index ? [el("br"), line] : [line]));
}

export function clock(at) {
  const when = new Date(at);
  const shown = Number.isNaN(when.getTime())
    ? String(at)
    : when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const node = el("time", "", shown);
  node.dateTime = String(at);
  node.title = Number.isNaN(when.getTime()) ? "" : when.toLocaleString();
  return node;
}

export const list = (value) => (Array.isArray(value) ? value : []);
