// Elements made of text alone: what comes from the data is never read as HTML.

// Returns a new element with properties and children; texts among the children become text.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Returns a text from the data, set apart so that its direction of writing does not spill over.
export function named(text) {
  return element("bdi", { dir: "auto" }, text);
}
