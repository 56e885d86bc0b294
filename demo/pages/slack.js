// A message as Slack shows it: Block Kit, attachments and the marks of mrkdwn, and a parent with its thread.

import { clock, el, lines, link, list } from "./dom.js";

export function drawSlack(message) {
  const replies = list(message.replies);
  return replies.length
    ? el("div", "slack-thread", drawMessage(message), el("div", "replies", replies.map(drawMessage)))
    : drawMessage(message);
}

function drawMessage({ at, body, broadcast }) {
  const blocks = list(body.blocks);
  return el("article", "slack-message",
    el("span", "avatar", "h"),
    el("div", "content",
      el("p", "byline", el("strong", "", "huntbridge"), el("span", "app", "App"), clock(at),
        broadcast ? el("span", "small", "also sent to the channel") : null),
      blocks.length ? blocks.map(drawBlock) : body.text ? el("div", "section", mrkdwn(body.text)) : null,
      list(body.attachments).map(drawAttachment)));
}

function drawAttachment(attachment) {
  const bar = el("span", "bar");
  if (/^#?[0-9a-f]{6}$/i.test(attachment.color ?? "")) {
    bar.style.backgroundColor = `#${attachment.color.replace("#", "")}`;
  }
  const text = attachment.text ?? (attachment.blocks ? null : attachment.fallback);
  return el("div", "attachment", bar,
    el("div", "attached", text ? el("div", "section", mrkdwn(text)) : null, list(attachment.blocks).map(drawBlock)));
}

const BLOCKS = {
  header: (block) => el("h3", "header", block.text.text),
  section: (block) => el("div", "section",
    block.text ? el("div", "", drawText(block.text)) : null,
    block.fields ? el("div", "fields", block.fields.map((field) => el("div", "", drawText(field)))) : null),
  context: (block) => el("div", "context", block.elements.map((element) =>
    element.type === "image" ? el("span", "", element.alt_text) : el("span", "", drawText(element)))),
  actions: (block) => el("div", "actions", block.elements.map(drawButton)),
  divider: () => el("hr"),
  image: (block) => el("p", "section", `[${block.alt_text}]`),
};

function drawBlock(block) {
  return BLOCKS[block.type]?.(block) ?? el("p", "unknown", `Unknown block: ${block.type}`);
}

function drawButton(button) {
  const style = ["primary", "danger"].includes(button.style) ? button.style : "";
  return link(button.url, `button ${style}`, button.text.text);
}

function drawText(text) {
  return text.type === "mrkdwn" ? mrkdwn(text.text, text.verbatim) : lines(text.text);
}

const unescape = (text) => text.replace(/&(lt|gt|amp);/g, (_, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);

function mrkdwn(text, verbatim = false) {
  return text.split("```").flatMap((part, index) =>
    index % 2 ? [el("pre", "", unescape(part.replace(/^\n|\n$/g, "")))] : quotes(part, verbatim));
}

function quotes(text, verbatim) {
  const nodes = [];
  for (const line of text.replace(/^\n|\n$/g, "").split("\n")) {
    const quoted = /^(&gt;|>)\s?/.exec(line);
    if (quoted) {
      nodes.push(el("blockquote", "", inline(line.slice(quoted[0].length), verbatim)));
    } else {
      if (nodes.length && !(nodes.at(-1) instanceof HTMLQuoteElement)) nodes.push(el("br"));
      nodes.push(...inline(line, verbatim));
    }
  }
  return nodes;
}

// Code, what stands in angle brackets, bold, italic, struck, and a bare address.
const MARKS = new RegExp([
  "`(?<code>[^`]+)`",
  "<(?<token>[^<>]+)>",
  "(?<![\\w*])\\*(?<strong>[^*\\s](?:[^*]*[^*\\s])?)\\*(?![\\w*])",
  "(?<![\\w_])_(?<em>[^_\\s](?:[^_]*[^_\\s])?)_(?![\\w_])",
  "(?<![\\w~])~(?<s>[^~\\s](?:[^~]*[^~\\s])?)~(?![\\w~])",
  "(?<url>https?://[^\\s<>|]+)",
].join("|"), "g");

function inline(text, verbatim) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(MARKS)) {
    const { code, token, url, ...styles } = match.groups;
    nodes.push(unescape(text.slice(end, match.index)));
    end = match.index + match[0].length;
    const [tag, inner] = Object.entries(styles).find(([, value]) => value !== undefined) ?? [];
    if (code !== undefined) nodes.push(el("code", "", unescape(code)));
    else if (token !== undefined) nodes.push(drawToken(token));
    else if (tag) nodes.push(el(tag, "", inline(inner, verbatim)));
    else nodes.push(verbatim ? unescape(url) : link(unescape(url), "", unescape(url)));
  }
  nodes.push(unescape(text.slice(end)));
  return nodes;
}

function drawToken(token) {
  const [target, label] = token.split("|", 2).map(unescape);
  if (target.startsWith("!date^")) return label ?? target;
  if (target.startsWith("!")) return el("span", "mention", `@${label ?? target.slice(1)}`);
  if (/^[@#]/.test(target)) return el("span", "mention", label ? target[0] + label : target);
  return link(target, "", label ?? target);
}
