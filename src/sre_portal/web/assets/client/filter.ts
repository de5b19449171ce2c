// Narrows a list while typing. The address keeps the words, so that a colleague sees the same rows; without script the
// form does the same by asking the portal.

export function filterRows(): void {
  const input = document.querySelector<HTMLInputElement>("input[data-filters]");
  if (!input) return;
  const apply = (): void => narrow(input);
  input.addEventListener("input", () => {
    apply();
    remember(input);
  });
  addEventListener("fresh", apply);
  apply();
}

function narrow(input: HTMLInputElement): void {
  const words = input.value.trim().toLowerCase();
  const list = document.getElementById(input.dataset["filters"] ?? "");
  for (const row of list?.querySelectorAll<HTMLElement>("[data-name-of]") ?? []) {
    row.hidden = !(row.dataset["nameOf"] ?? "").toLowerCase().includes(words);
  }
}

function remember(input: HTMLInputElement): void {
  const address = new URL(location.href);
  if (input.value) address.searchParams.set(input.name, input.value);
  else address.searchParams.delete(input.name);
  history.replaceState(null, "", address);
}
