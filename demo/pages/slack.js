// Draws a message as Slack shows it: Block Kit, attachments, mrkdwn, and a parent with its thread.

import { clock, el, lines, link, list } from "./dom.js";

export function drawSlack(message) {
  if (message.only) return drawMessage(message);
  const replies = list(message.replies);
  return replies.length
    ? el("div", "slack-thread", drawMessage(message), el("div", "replies", replies.map(drawMessage)))
    : drawMessage(message);
}

function drawMessage({ at, ts, body, broadcast, only }) {
  const blocks = list(body.blocks).map((block) => drawBlock(block, ts));
  return el("article", "slack-message",
    el("span", "avatar", "h"),
    el("div", "content",
      el("p", "byline", el("strong", "", "huntbridge"), el("span", "app", "App"), clock(at),
        broadcast ? el("span", "small", "also sent to the channel") : null,
        only ? el("span", "small", "only visible to you") : null),
      blocks.length ? blocks : body.text ? el("div", "section", mrkdwn(body.text)) : null,
      list(body.attachments).map(drawAttachment)));
}

function drawAttachment(attachment) {
  const bar = el("span", "bar");
  if (/^#?[0-9a-f]{6}$/i.test(attachment.color ?? "")) {
    bar.style.backgroundColor = `#${attachment.color.replace("#", "")}`;
  }
  const text = attachment.text ?? (attachment.blocks ? null : attachment.fallback);
  return el("div", "attachment", bar,
    el("div", "attached", text ? el("div", "section", mrkdwn(text)) : null, list(attachment.blocks).map((block) => drawBlock(block))));
}

const BLOCKS = {
  header: (block) => el("h3", "header", block.text.text),
  section: (block) => el("div", "section",
    block.text ? el("div", "", drawText(block.text)) : null,
    block.fields ? el("div", "fields", block.fields.map((field) => el("div", "", drawText(field)))) : null),
  context: (block) => el("div", "context", block.elements.map((element) =>
    element.type === "image" ? el("span", "", element.alt_text) : el("span", "", drawText(element)))),
  actions: (block, ts) => el("div", "actions", block.elements.map((button) => drawButton(button, ts))),
  divider: () => el("hr"),
  image: (block) => el("p", "section", `[${block.alt_text}]`),
};

function drawBlock(block, ts) {
  return BLOCKS[block.type]?.(block, ts) ?? el("p", "unknown", `Unknown block: ${block.type}`);
}

// `ts` is the id by which Slack knows the clicked message.
function drawButton(button, ts) {
  const style = ["primary", "danger"].includes(button.style) ? button.style : "";
  if (!button.url && button.action_id && ts) return drawClick(button, ts, style);
  return link(button.url, `button ${style}`, button.text.text);
}

function drawClick(button, ts, style) {
  const node = el("button", `button ${style}`, button.text.text);
  node.type = "button";
  node.addEventListener("click", async () => {
    node.disabled = true;
    await fetch("click", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ts, action: button.action_id }),
    }).catch(() => null);
    // The result is drawn with the message. If there is none, the button can be clicked again.
    setTimeout(() => { node.disabled = false; }, 3000);
  });
  return node;
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

// Code, text in angle brackets, bold, italic, strike, and a bare URL.
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
