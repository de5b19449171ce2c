// What a quick fault will do, asked again whenever a field changes, and now and then because the traffic does.

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
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && name !== "csrf") fields.set(name, value);
  }
  try {
    const answer = await fetch(`${form.dataset["preview"]}?${fields}`, { signal });
    if (answer.ok) replace("preview", await answer.text());
  } catch (failure) {
    if (!signal.aborted) throw failure;
  }
}
