// One EventSource a page. What it shows is live, reconnecting, or stale since the last event; a number that is not
// fresh is never called live.

import { Idiomorph } from "idiomorph";

import { elementsOf } from "./fragment";

type State = "live" | "reconnecting" | "stale" | "ended" | "over";

interface Update {
  at: string;
  fragments: Record<string, string>;
}

const RECONNECTING_AFTER_MS = 3_000;
const STALE_AFTER_MS = 8_000;
const RETRY_MS = 4_000;
const LOOK: Record<State, [kind: string, icon: string]> = {
  live: ["live", "disc"],
  reconnecting: ["stale", "ring"],
  stale: ["stale", "ring"],
  ended: ["stale", "ring"],
  over: ["ok", "check"],
};

let source: EventSource | undefined;
let heardAt = performance.now();
let lastClock = "";
let state: State = "reconnecting";

export function openStream(): void {
  const address = document.body.dataset["stream"];
  if (!address) return;
  lastClock = document.getElementById("as-of")?.textContent ?? "";
  connect(address);
  setInterval(() => watch(address), 500);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && connect(address));
}

function connect(address: string): void {
  source?.close();
  source = new EventSource(address);
  source.addEventListener("message", (event) => apply(JSON.parse(event.data as string) as Update));
  for (const last of ["ended", "over"] as const) {
    source.addEventListener(last, () => {
      source?.close();
      show(last);
    });
  }
  source.addEventListener("error", () => state === "live" && show("reconnecting"));
}

let retriedAt = performance.now();

function watch(address: string): void {
  if (state === "ended" || state === "over") return;
  const silence = performance.now() - heardAt;
  if (silence > STALE_AFTER_MS) show("stale");
  else if (silence > RECONNECTING_AFTER_MS) show("reconnecting");
  const closed = source?.readyState === EventSource.CLOSED;
  if (closed && performance.now() - retriedAt > RETRY_MS) {
    retriedAt = performance.now();
    connect(address);
  }
}

function apply(update: Update): void {
  heardAt = performance.now();
  for (const [id, html] of Object.entries(update.fragments)) replace(id, html);
  setClock(update.at);
  show("live");
  if (Object.keys(update.fragments).length > 0) dispatchEvent(new CustomEvent("fresh"));
}

// Keeps focus, what is typed, and what the reader has opened.
export function replace(id: string, html: string): void {
  const old = document.getElementById(id);
  if (!old) return;
  Idiomorph.morph(old, elementsOf(html), {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      beforeAttributeUpdated: (name, element) => !(name === "open" && element instanceof HTMLDetailsElement),
    },
  });
}

function setClock(at: string): void {
  const clock = document.getElementById("as-of");
  if (!clock) return;
  lastClock = `${at.slice(11, 19)} UTC`;
  clock.textContent = lastClock;
  clock.setAttribute("datetime", at);
  clock.title = at;
}

function show(next: State): void {
  if (next === state && next !== "stale") return;
  state = next;
  document.documentElement.dataset["live"] = next === "ended" ? "stale" : next;
  const pill = document.getElementById("liveness");
  if (!pill) return;
  const [kind, icon] = LOOK[next];
  pill.dataset["is"] = kind;
  pill.querySelector("use")?.setAttribute("href", `#i-${icon}`);
  const words = pill.querySelector("span");
  if (words && words.textContent !== wordsOf(next)) words.textContent = wordsOf(next);
}

function wordsOf(shown: State): string {
  switch (shown) {
    case "live":
      return "Live";
    case "reconnecting":
      return "Reconnecting, as of";
    case "stale":
      return "Stale since";
    case "ended":
      return "Logged out, stale since";
    case "over":
      return "Final, as of";
  }
}
