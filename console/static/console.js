// The pages work without this file. It keeps them current, and adds two keys.
"use strict";

const SOON = 5_000; // milliseconds between two looks, while somebody uses the page
const LATER = 60_000;
const IN_USE = 300_000; // milliseconds since the last key or click
let etag = "";
let used = Date.now();

// A part of the page that somebody is using is not replaced.
function busy(part) {
  const selection = document.getSelection();
  return (
    (part.contains(document.activeElement) && document.activeElement !== document.getElementById("main")) ||
    part.matches("details[open]") ||
    part.querySelector("details[open]") !== null ||
    [...part.querySelectorAll("input, textarea")].some((field) =>
      field.type === "checkbox" || field.type === "radio"
        ? field.checked !== field.defaultChecked
        : field.value !== field.defaultValue,
    ) ||
    (selection !== null && !selection.isCollapsed && selection.containsNode(part, true))
  );
}

function own(part) {
  const text = [...part.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  return part.cloneNode(false).outerHTML + text.map((node) => node.data.trim()).join("\n");
}

function replace(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.children.length && old.children.length === fresh.children.length && own(old) === own(fresh)) {
    const now = [...fresh.children];
    [...old.children].forEach((child, at) => replace(child, now[at]));
  } else if (!busy(old)) {
    old.replaceWith(fresh);
  }
}

async function look() {
  let wait = Date.now() - used < IN_USE ? SOON : LATER;
  if (document.visibilityState === "visible") {
    const lost = document.getElementById("lost");
    try {
      const answer = await fetch(location.href, {
        cache: "no-store",
        headers: etag ? { "If-None-Match": etag } : {},
        redirect: "manual",
      });
      if (answer.type === "opaqueredirect") return location.reload(); // the session has ended
      if (answer.status === 200) {
        etag = answer.headers.get("ETag") || "";
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const title = document.querySelector("h1")?.textContent;
        // What an action said stays until somebody leaves the page.
        const said = [...document.querySelectorAll("main > .banner[role=status]")];
        page.getElementById("lost")?.after(...said.map((banner) => banner.cloneNode(true)));
        for (const part of [".side", "main"]) {
          const [old, fresh] = [document, page].map((of) => of.querySelector(part));
          if (old && fresh) replace(old, fresh);
        }
        const news = document.querySelector("h1")?.textContent;
        if (news !== title) {
          document.title = page.title;
          document.getElementById("news").textContent = news;
        }
      } else if (answer.status !== 304) {
        throw new Error(answer.statusText);
      }
      document.getElementById("lost")?.setAttribute("hidden", "");
    } catch {
      lost?.removeAttribute("hidden");
      wait = Math.max(wait, 15_000);
    }
  }
  setTimeout(look, wait);
}

function closeAll(except, focus = false) {
  for (const pop of document.querySelectorAll(".pop[open]")) {
    if (pop === except) continue;
    if (focus && pop.contains(document.activeElement)) pop.querySelector("summary").focus();
    pop.open = false;
  }
}

document.addEventListener("change", ({ target }) => {
  used = Date.now();
  if (!target.matches("[data-all]")) return;
  for (const box of target.closest("table").querySelectorAll("tbody .pick input")) box.checked = target.checked;
});

document.addEventListener("keydown", (event) => {
  used = Date.now();
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector('input[type="search"]');
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
  if (event.key === "Escape") closeAll(null, true);
});

document.addEventListener("click", ({ target }) => {
  used = Date.now();
  closeAll(target.closest(".pop"));
});

document.querySelector("form[data-at-once]")?.requestSubmit();
if (document.body.hasAttribute("data-live")) setTimeout(look, SOON);
