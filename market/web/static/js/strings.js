// Sentences in the reader's language: Vietnamese in the code, other languages from the page.

const block = document.getElementById("strings");
const known = block ? JSON.parse(block.textContent) : {};

/** The sentence in this page's language, with {names} filled from `facts`. */
export function t(text, facts = {}) {
  const said = known[text] ?? text;
  return said.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? String(facts[name]) : whole));
}
