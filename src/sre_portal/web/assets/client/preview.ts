// What a form would do, asked again whenever a field changes, and now and then because the traffic does. A form whose
// fields are too long for an address posts them, with its token. An answer that is not of what stands in the fields is
// not shown: the note of the form that says why takes its place.

import { replace } from "./live";

const PAUSE_MS = 200;
const AGAIN_MS = 10_000;

export function refreshPreview(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-preview]");
  if (!form) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked: AbortController | undefined;
  const later = (): void => {
    clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    timer = setTimeout(() => void ask(form, signal), PAUSE_MS);
  };
  form.addEventListener("input", later);
  setInterval(() => document.visibilityState === "visible" && isLive() && later(), AGAIN_MS);
}

function isLive(): boolean {
  return document.documentElement.dataset["live"] === "live";
}

async function ask(form: HTMLFormElement, signal: AbortSignal): Promise<void> {
  const posts = form.dataset["previewBy"] === "post";
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && (posts || name !== "csrf")) fields.set(name, value);
  }
  const address = form.dataset["preview"] ?? "";
  const largest = Number(form.dataset["largest"] ?? Infinity);
  if (posts && fields.toString().length > largest) {
    say(form, "large");
    return;
  }
  try {
    const answer = await (posts
      ? fetch(address, { method: "POST", body: fields, signal })
      : fetch(`${address}?${fields}`, { signal }));
    const told = answer.ok && !answer.redirected ? await answer.text() : undefined;
    say(form, told === undefined ? "failed" : "");
    if (told !== undefined) replace("preview", told);
  } catch {
    if (!signal.aborted) say(form, "failed");
  }
}

function say(form: HTMLFormElement, why: "" | "large" | "failed"): void {
  const notes = form.querySelectorAll<HTMLElement>("[data-not-previewed]");
  for (const note of notes) note.hidden = note.dataset["notPreviewed"] !== why;
  const answer = document.getElementById("preview");
  if (answer && notes.length > 0) answer.hidden = why !== "";
}
