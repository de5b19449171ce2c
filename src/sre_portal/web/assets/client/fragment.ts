// The only place where text becomes elements. The Content-Security-Policy lets no other do it: text that reaches
// innerHTML or a parser by another way is refused by browsers that know trusted types.

interface Policy {
  createHTML(html: string): string; // a TrustedHTML, which the types of the library do not know yet
}

interface WithPolicies {
  trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
}

const plain: Policy = { createHTML: (html) => html };
const policy = (globalThis as WithPolicies).trustedTypes?.createPolicy("fragment", plain) ?? plain;

// The elements of a fragment that the portal printed. Scripts in it do not run: a parsed document is inert.
export function elementsOf(html: string): Element[] {
  const inert = policy.createHTML(`<body><template>${html}</template></body>`);
  const template = new DOMParser().parseFromString(inert, "text/html").querySelector("template");
  return [...(template?.content.children ?? [])];
}
