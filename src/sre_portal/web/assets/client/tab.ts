// The tab tells from afar whether something is being broken right now.

import harm from "../harm.svg";
import mark from "../mark.svg";

const ICONS = { harm: new URL(harm, import.meta.url).href, mark: new URL(mark, import.meta.url).href };

export function showHarmInTab(): void {
  addEventListener("fresh", draw);
  draw();
}

function draw(): void {
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const shown = document.getElementById("harm-now")?.dataset["active"] === undefined ? ICONS.mark : ICONS.harm;
  if (icon && icon.href !== shown) icon.href = shown;
}
