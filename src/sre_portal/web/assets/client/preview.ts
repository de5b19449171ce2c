// What a quick fault will do, asked again whenever a field changes.

import { replace } from "./live";

const PAUSE_MS = 200;

export function refreshPreview(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-preview]");
  if (!form) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked: AbortController | undefined;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    timer = setTimeout(() => void ask(form, signal), PAUSE_MS);
  });
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
