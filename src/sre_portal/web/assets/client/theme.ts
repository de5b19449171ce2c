// Light, dark or the system's. The choice is a cookie that the portal reads, so the first paint is right.

const YEAR_SECONDS = 365 * 24 * 3600;

export function offerThemes(): void {
  const group = document.querySelector<HTMLElement>(".themes");
  if (!group) return;
  group.hidden = false;
  group.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("button") : null;
    const name = button?.dataset["themeName"];
    if (name) choose(group, name);
  });
}

function choose(group: HTMLElement, name: string): void {
  const root = document.documentElement;
  if (name === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = name;
  document.cookie = `theme=${name}; path=/; max-age=${name === "system" ? 0 : YEAR_SECONDS}; samesite=lax`;
  for (const button of group.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset["themeName"] === name));
  }
}
