// Draws an issue as Jira shows it: its fields and its Atlassian Document.

import { clock, el, lines, link, list } from "./dom.js";

export function drawJira({ at, key, fields, comments }) {
  return el("article", "issue",
    el("p", "crumbs", el("span", "type"), fields.project?.key ?? "", el("span", "slash", "/"),
      el("strong", "", key), clock(at)),
    el("h3", "summary", fields.summary),
    el("dl", "details",
      detail("Status", el("span", "status", "To do")),
      detail("Type", fields.issuetype?.name),
      detail("Priority", fields.priority && el("span", "priority",
        el("span", `rank rank-${String(fields.priority.name).toLowerCase()}`), fields.priority.name)),
      detail("Labels", list(fields.labels).length &&
        el("span", "labels", fields.labels.map((label) => el("span", "label", label))))),
    fields.description ? el("div", "description", el("h4", "", "Description"), drawDocument(fields.description)) : null,
    drawComments(list(comments)));
}

function detail(name, value) {
  return value ? el("div", "", el("dt", "", name), el("dd", "", value)) : null;
}

function drawComments(comments) {
  if (!comments.length) return null;
  return el("div", "comments", el("h4", "", `Comments (${comments.length})`), comments.map((comment) =>
    el("div", "comment", el("p", "byline", el("strong", "", "huntbridge"), clock(comment.created ?? comment.at)),
      drawDocument(comment.body))));
}

// Data Center has wiki text, which is shown unchanged.
function drawDocument(body) {
  return typeof body === "string" ? el("pre", "wiki", body) : el("div", "adf", children(body));
}

const children = (node) => list(node.content).map(drawNode);

const NODES = {
  paragraph: (node) => el("p", "", children(node)),
  heading: (node) => {
    // Headings of the document are below the issue's own headings, which end at h4.
    const level = Math.min(Math.max(Number(node.attrs?.level) || 1, 1), 6);
    return el(level > 1 ? "h6" : "h5", `level-${level}`, children(node));
  },
  bulletList: (node) => el("ul", "", children(node)),
  orderedList: (node) => {
    const list = el("ol", "", children(node));
    list.start = Number(node.attrs?.order) || 1;
    return list;
  },
  listItem: (node) => el("li", "", children(node)),
  panel: (node) => el("div", `panel panel-${String(node.attrs?.panelType).toLowerCase()}`,
    el("span", "sign"), el("div", "", children(node))),
  blockquote: (node) => el("blockquote", "", children(node)),
  codeBlock: (node) => el("pre", "", el("code", "", list(node.content).map((text) => text.text))),
  rule: () => el("hr"),
  table: (node) => el("div", "scrolling", el("table", "", el("tbody", "", children(node)))),
  tableRow: (node) => el("tr", "", children(node)),
  tableHeader: (node) => cell("th", node),
  tableCell: (node) => cell("td", node),
  expand: (node) => el("details", "", el("summary", "", node.attrs?.title || "Show more"), children(node)),
  nestedExpand: (node) => NODES.expand(node),
  hardBreak: () => el("br"),
  status: (node) => el("span", `status status-${String(node.attrs?.color).toLowerCase()}`, node.attrs?.text),
  emoji: (node) => node.attrs?.text ?? node.attrs?.shortName,
  date: (node) => new Date(Number(node.attrs?.timestamp)).toLocaleDateString(),
  mention: (node) => el("span", "mention", node.attrs?.text ?? `@${node.attrs?.id}`),
  inlineCard: (node) => link(node.attrs?.url, "", node.attrs?.url),
  text: drawText,
};

function drawNode(node) {
  return Object.hasOwn(NODES, node.type) ? NODES[node.type](node) : el("p", "unknown", `Unknown node: ${node.type}`);
}

function cell(tag, node) {
  const made = el(tag, "", children(node));
  made.colSpan = Number(node.attrs?.colspan) || 1;
  made.rowSpan = Number(node.attrs?.rowspan) || 1;
  return made;
}

const TAGS = { strong: "strong", em: "em", code: "code", strike: "s", underline: "u" };

function drawText(node) {
  return list(node.marks).reduce((inner, mark) => {
    if (mark.type === "link") return [link(mark.attrs?.href, "", inner)];
    return Object.hasOwn(TAGS, mark.type) ? [el(TAGS[mark.type], "", inner)] : inner;
  }, lines(node.text));
}
