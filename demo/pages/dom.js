// Creates elements. Strings always become text nodes, never markup.

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

// A link if the address is on one of the demo's own servers; otherwise only its text. A link to the EC2 console,
// for example, would lead to nothing, since the demo's machines are made up.
export function link(url, name, ...children) {
  const href = safeUrl(url);
  if (!href) return el("span", name, ...children);
  if (!["127.0.0.1", "localhost", "[::1]"].includes(new URL(href).hostname)) {
    const node = el("span", `${name} outside`, ...children);
    node.title = `Outside of the demo: ${href}`;
    return node;
  }
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
