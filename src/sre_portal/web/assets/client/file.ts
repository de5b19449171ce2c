// A file that is chosen beside a field is read into it. Nothing is sent: the form sends the field.

export function readFiles(): void {
  for (const chosen of document.querySelectorAll<HTMLInputElement>("input[type=file][data-into]")) {
    const label = chosen.closest("label");
    if (label) label.hidden = false;
    chosen.addEventListener("change", () => void read(chosen));
  }
}

async function read(chosen: HTMLInputElement): Promise<void> {
  const field = chosen.form?.elements.namedItem(chosen.dataset["into"] ?? "");
  const file = chosen.files?.[0];
  if (!file || !(field instanceof HTMLTextAreaElement)) return;
  field.value = await file.text();
}
