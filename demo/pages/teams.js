// Draws a workflow's message as Teams shows it: one Adaptive Card in the look of Teams.

import { clock, el, link, list } from "./dom.js";

const MAX_ACTIONS = 6; // Teams does not show more

export function drawTeams({ at, body }) {
  return el("article", "teams-message",
    el("span", "avatar", "W"),
    el("div", "content",
      el("p", "byline", el("strong", "", "Workflows"), clock(at)),
      list(body.attachments).map((attachment) => drawCard(attachment.content))));
}

function drawCard(content) {
  const card = { named: new Map() };
  const full = content.msteams?.width?.toLowerCase() === "full" ? "full" : "";
  return el("div", `card ${full}`, drawItems(content.body, card), drawActions(content.actions, card));
}

const lower = (value, otherwise = "default") => String(value ?? otherwise).toLowerCase();

function drawItems(items, card) {
  return list(items).map((item, index) => {
    const node = ELEMENTS[item.type]?.(item, card) ?? el("p", "unknown", `Unknown element: ${item.type}`);
    node.classList.add("element", index ? `space-${lower(item.spacing)}` : "first");
    if (item.separator && index) node.classList.add("separator");
    node.hidden = item.isVisible === false;
    if (item.id) card.named.set(item.id, node);
    return node;
  });
}

function look(node, { size, weight, color, isSubtle, fontType, horizontalAlignment }) {
  node.classList.add(`size-${lower(size)}`, `weight-${lower(weight)}`, `color-${lower(color)}`);
  node.classList.add(`align-${lower(horizontalAlignment, "left")}`);
  if (isSubtle) node.classList.add("subtle");
  if (lower(fontType) === "monospace") node.classList.add("monospace");
  return node;
}

const ELEMENTS = {
  TextBlock: (item) => look(el("div", item.wrap ? "text" : "text cut", markdown(item.text)), item),
  RichTextBlock: (item) => look(el("div", "text", list(item.inlines).map(drawRun)), item),
  FactSet: (item) => el("dl", "facts", list(item.facts).map((fact) =>
    el("div", "", el("dt", "", markdown(fact.title)), el("dd", "", markdown(fact.value))))),
  ColumnSet: (item, card) => el("div", `columns style-${lower(item.style)}`,
    list(item.columns).map((column) => drawColumn(column, card))),
  Container: (item, card) => el("div",
    `container style-${lower(item.style)}${item.bleed ? " bleed" : ""}`, drawItems(item.items, card)),
  ActionSet: (item, card) => drawActions(item.actions, card) ?? el("div"),
  Image: (item) => el("span", "picture", item.altText || "Image"),
};

function drawRun(run) {
  if (typeof run === "string") return run;
  const open = run.selectAction?.type === "Action.OpenUrl" ? run.selectAction.url : null;
  const node = look(open ? link(open, "run", run.text) : el("span", "run", run.text), run);
  for (const style of ["italic", "strikethrough", "underline", "highlight"]) {
    if (run[style]) node.classList.add(style);
  }
  return node;
}

function drawColumn(column, card) {
  const node = el("div", `column style-${lower(column.style)}`, drawItems(column.items, card));
  const width = String(column.width ?? "stretch");
  if (/^\d+px$/.test(width)) node.style.flex = `0 0 ${width}`;
  else if (/^\d+(\.\d+)?$/.test(width)) node.style.flex = `${width} 1 0`;
  else node.style.flex = width === "auto" ? "0 1 auto" : "1 1 0";
  if (column.verticalContentAlignment) node.classList.add(`level-${lower(column.verticalContentAlignment)}`);
  return node;
}

function drawActions(actions, card) {
  const shown = list(actions).slice(0, MAX_ACTIONS);
  return shown.length ? el("div", "actions", shown.map((action) => drawAction(action, card))) : null;
}

function drawAction(action, card) {
  if (action.type === "Action.OpenUrl") return link(action.url, "button", action.title);
  const button = el("button", "button", action.title);
  button.type = "button";
  if (action.type === "Action.ToggleVisibility") button.addEventListener("click", () => toggle(action, card));
  else button.disabled = true;
  return button;
}

function toggle(action, card) {
  for (const target of list(action.targetElements)) {
    const node = card.named.get(target.elementId ?? target);
    if (node) node.hidden = target.isVisible === undefined ? !node.hidden : !target.isVisible;
  }
}

// The Markdown that TextBlock and FactSet support: bold, italic, links, lists and escapes.
function markdown(text) {
  const nodes = [];
  for (const line of String(text).split(/\n+/)) {
    const item = /^\s*(?:[-*]|(\d+)\.)\s+/.exec(line);
    const bullet = item ? el("span", "bullet", item[1] ? `${item[1]}. ` : "• ") : null;
    const rest = item ? line.slice(item[0].length) : line;
    nodes.push(el("div", item ? "item" : "line", bullet, span(rest)));
  }
  return nodes;
}

const SPAN = new RegExp([
  "\\\\(?<escaped>[^\\w\\s])",
  "\\[(?<label>(?:\\\\.|[^\\]\\\\])*)\\]\\((?<url>(?:[^()\\s]|\\([^()\\s]*\\))+)\\)",
  "\\*\\*(?<strong>(?:\\\\.|[^*\\\\])+)\\*\\*",
  "(?<!\\w)_(?<em>(?:\\\\.|[^_\\\\])+)_(?!\\w)",
  "<at>(?<mention>[^<>]+)</at>",
].join("|"), "g");

function span(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(SPAN)) {
    const { escaped, label, url, strong, em, mention } = match.groups;
    nodes.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (escaped !== undefined) nodes.push(escaped);
    else if (url !== undefined) nodes.push(link(url, "", span(label)));
    else if (mention !== undefined) nodes.push(el("span", "color-accent", mention));
    else if (strong !== undefined) nodes.push(el("strong", "", span(strong)));
    else nodes.push(el("em", "", span(em)));
  }
  nodes.push(text.slice(end));
  return nodes;
}
