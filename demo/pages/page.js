// Requests the state once a second and redraws only what has changed, so that nothing moves or loses its focus
// while somebody reads it.

import { el } from "./dom.js";
import { drawJira } from "./jira.js";
import { drawSlack } from "./slack.js";
import { drawTeams } from "./teams.js";

const SHOWN = 60; // messages in a column
const STATES = ["processed", "failed", "unknown", "running", "requested", "planned"];
const at = (id) => document.getElementById(id);
const put = (node, ...children) => node.replaceChildren(...children);
const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// The hunt

function drawHunt(hunt) {
  if (!hunt) return;
  setText(at("hunt-name"), hunt.name);
  const chip = at("hunt-state");
  setText(chip, hunt.state);
  chip.dataset.state = hunt.state;
  const when = new Date(hunt.scheduled_at);
  const shown = Number.isNaN(when.getTime()) ? hunt.scheduled_at : when.toLocaleString([], {
    dateStyle: "medium", timeStyle: "short",
  });
  const project = hunt.project_id ? `project ${hunt.project_id}` : "no project yet";
  setText(at("hunt-meta"), `${shown} · ${project}`);
}

const sum = (captures, name) => captures.reduce((total, capture) => total + (Number(capture[name]) || 0), 0);

function drawTotals(captures) {
  const count = (state) => captures.filter((capture) => capture.state === state).length;
  const alarmed = captures.filter((capture) => capture.malicious || capture.suspicious).length;
  const totals = [
    ["Systems", captures.length], ["Processed", count("processed")], ["Failed", count("failed")],
    ["With alarms", alarmed], ["▲ Malicious", sum(captures, "malicious")], ["△ Suspicious", sum(captures, "suspicious")],
  ];
  put(at("totals"), ...totals.map(([name, value]) =>
    el("div", "", el("dt", "", name), el("dd", "", captures.length ? String(value) : "–"))));
  drawProgress(captures, count);
}

function drawProgress(captures, count) {
  const parts = STATES.map((state) => [state, count(state)]).filter(([, number]) => number);
  put(at("progress"), ...parts.map(([state, number]) => {
    const part = el("span", "part");
    part.dataset.state = state;
    part.style.flexGrow = number;
    return part;
  }));
  const told = parts.map(([state, number]) => `${number} ${state}`).join(", ");
  at("progress").setAttribute("aria-label", told || "No systems yet");
}

function drawCapture(capture) {
  const state = el("span", "chip", capture.state);
  state.dataset.state = capture.state;
  const name = el("span", "system", el("strong", "", capture.name || capture.instance),
    capture.name ? el("code", "", capture.instance) : null);
  const row = el("div", "capture", cell(state), cell(name), cell(el("span", "region", capture.region)),
    cell(drawAlarms(capture)));
  row.setAttribute("role", "row");
  return row;
}

function cell(node) {
  const made = el("span", "", node);
  made.setAttribute("role", "cell");
  return made;
}

function drawAlarms({ malicious, suspicious, reason }) {
  if (reason) {
    const told = el("span", "reason", reason);
    told.title = reason;
    return told;
  }
  const count = (number, name, mark) => number
    ? el("span", name, `${mark} ${number}`, el("span", "hidden", ` ${name}`)) : null;
  return el("span", "alarms", count(malicious, "malicious", "▲"), count(suspicious, "suspicious", "△"));
}

const LABELS = {
  events: "events", alarms: "alarms", deliveries: "delivered", lost: "lost", repeated: "repeated", seconds: "seconds",
};

function drawOutcome(summary) {
  if (!summary) return;
  const told = Object.entries(LABELS).filter(([name]) => summary[name] !== undefined).map(([name, label]) => {
    const value = summary[name];
    const shown = value && typeof value === "object"
      ? Object.entries(value).map(([tool, number]) => `${tool} ${number}`).join(", ") : String(value);
    return el("span", "", el("strong", "", shown), ` ${label}`);
  });
  put(at("outcome"), ...told);
}

// Rows and messages are redrawn only if their own data changed.

function keep(add, drawn, entries, draw) {
  for (const [key, value] of entries) {
    const text = JSON.stringify(value);
    const before = drawn.get(key);
    if (before?.text === text) continue;
    const node = draw(value);
    if (before) before.node.replaceWith(node);
    else add(node);
    drawn.set(key, { text, node });
  }
  const present = new Set(entries.map(([key]) => key));
  for (const [key, { node }] of drawn) {
    if (!present.has(key)) {
      node.remove();
      drawn.delete(key);
    }
  }
}

function column(id, draw, keyOf) {
  const stream = at(id);
  const drawn = new Map();
  return (messages) => {
    const entries = messages.map((message, index) => [keyOf(message, index), message]).slice(-SHOWN);
    keep((node) => stream.prepend(node), drawn, entries, (message) => el("li", "message", drawOne(draw, message)));
    setText(at(`${id}-count`), String(messages.length));
  };
}

// A message that cannot be drawn is shown as JSON, so that it does not hide the others.
function drawOne(draw, message) {
  try {
    return draw(message);
  } catch {
    return el("pre", "unknown", JSON.stringify(message, null, 2));
  }
}

const captures = new Map();
const slack = column("slack", drawSlack, (_, index) => index);
const teams = column("teams", drawTeams, (_, index) => index);
const jira = column("jira", drawJira, (issue) => issue.key);

function draw(state) {
  drawHunt(state.hunt);
  drawTotals(state.captures);
  keep((node) => at("captures").append(node), captures,
    state.captures.map((capture, index) => [index, capture]), drawCapture);
  drawOutcome(state.summary);
  slack(state.slack);
  teams(state.teams);
  jira(state.jira);
}

function live(state, text) {
  setText(at("live"), text);
  at("live").dataset.state = state;
}

let last = "";

async function look() {
  let text;
  try {
    const answer = await fetch("state", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    text = await answer.text();
  } catch {
    live("lost", "Not connected: what you see is the last known state");
    return;
  }
  live("live", "Live");
  if (text === last) return;
  last = text;
  draw(JSON.parse(text));
}

async function poll() {
  try {
    await look();
  } finally {
    setTimeout(poll, 1000);
  }
}

poll();
