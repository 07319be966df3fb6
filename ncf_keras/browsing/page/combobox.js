// A text field with suggestions, as the ARIA Authoring Practices describe it: the focus stays in the field.

import { element } from "./element.js";

// Between the last key and the question.
const PAUSE = 120;

export class Combobox {
  // container: holds the input, the listbox and the status; search: text -> suggestions, or null if outdated;
  // show: suggestion -> nodes; choose: called with the one that was chosen; report: called with a problem, or null.
  constructor(container, { search, show, choose, report }) {
    this.input = container.querySelector("input");
    this.options = container.querySelector("[role=listbox]");
    this.status = container.querySelector("[role=status]");
    Object.assign(this, { search, show, choose, report, found: [], active: -1, timer: null, wanted: false });
    this.input.addEventListener("input", () => this.searchSoon());
    this.input.addEventListener("click", () => this.options.hidden && this.searchNow());
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.press(event));
    // Else the field would lose the focus before the click is heard.
    this.options.addEventListener("mousedown", (event) => event.preventDefault());
  }

  searchSoon() {
    clearTimeout(this.timer);
    this.wanted = false;
    this.waiting = true;
    this.timer = setTimeout(() => this.searchNow(), PAUSE);
  }

  async searchNow() {
    clearTimeout(this.timer);
    this.waiting = true;
    const typed = this.input.value;
    try {
      const found = await this.search(typed);
      if (found === null || document.activeElement !== this.input) return;
      this.waiting = false;
      this.report(null);
      this.open(found, typed);
    } catch (error) {
      this.waiting = false;
      this.report(error);
    }
  }

  open(found, typed) {
    this.found = found;
    const rows = found.map((suggestion, place) => {
      const row = element("li", { role: "option", id: `${this.options.id}-${place}`, "aria-selected": "false" });
      row.append(...this.show(suggestion));
      row.addEventListener("click", () => this.take(place));
      return row;
    });
    const nothing = `Nothing holds “${typed.trim()}”`;
    if (!rows.length) rows.push(element("li", { role: "option", "aria-disabled": "true" }, nothing));
    this.options.replaceChildren(...rows);
    this.options.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.status.textContent = found.length ? `${found.length} suggestions` : nothing;
    this.move(-1);
    if (this.wanted && found.length) this.take(0);
    this.wanted = false;
  }

  close() {
    clearTimeout(this.timer);
    this.waiting = this.wanted = false;
    this.options.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.status.textContent = "";
    this.move(-1);
  }

  move(place) {
    this.options.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = place;
    const row = this.options.children[place];
    if (row) {
      row.setAttribute("aria-selected", "true");
      row.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", row.id);
    } else this.input.removeAttribute("aria-activedescendant");
  }

  take(place) {
    const chosen = this.found[place];
    this.input.value = "";
    this.close();
    this.choose(chosen);
  }

  press(event) {
    const { key } = event;
    const isOpen = !this.options.hidden;
    const last = this.found.length - 1;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) this.searchNow();
      else if (last >= 0) {
        const next = this.active + (key === "ArrowDown" ? 1 : -1);
        this.move(next > last ? 0 : next < 0 ? last : next);
      }
    } else if (key === "Enter") {
      event.preventDefault();
      // Who types fast presses Enter before the suggestions have come.
      if (this.waiting) this.wanted = true;
      else if (isOpen && last >= 0) this.take(Math.max(this.active, 0));
      else if (this.input.value.trim()) {
        this.wanted = true;
        this.searchNow();
      }
    } else if (key === "Escape") {
      if (isOpen) this.close();
      else this.input.value = "";
    }
  }
}
