// The page: what it shows is named by the part of its address behind #, so that Back and bookmarks work.

import { ask, drop } from "./ask.js";
import { Combobox } from "./combobox.js";
import { element, named } from "./element.js";

const FIRST_OF_HISTORY = 12;
const MOST_LIKED = 100;
const LENGTHS = [10, 20, 50, 100];
// What is asked for as one, and where it is shown.
const SECTIONS = { lists: ["list", "history"], similar: ["similar"] };
const NUMBERS = new Intl.NumberFormat("en");
const byId = (id) => document.getElementById(id);

let dataset;
// The questions whose answers are shown, and the button that opened the similar items.
const shown = { lists: null, similar: null };
let opener = null;
// The answer of the user who is shown, which names the users before and behind.
let shownUser = null;

// The address

function wanted() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const number = (name) => (/^\d{1,10}$/.test(parts.get(name) ?? "") ? Number(parts.get(name)) : null);
  const liked = (parts.get("liked") ?? "").split(",").filter((part) => /^\d{1,10}$/.test(part)).map(Number);
  return { user: number("user"), liked, k: number("k") ?? 10, similar: number("similar") };
}

function go(change) {
  const next = { ...wanted(), ...change };
  const parts = [];
  if (next.user !== null) parts.push(`user=${next.user}`);
  else if (next.liked.length) parts.push(`liked=${next.liked.join(",")}`);
  if (next.k !== 10) parts.push(`k=${next.k}`);
  if (next.similar !== null) parts.push(`similar=${next.similar}`);
  const hash = parts.join("&");
  // What has failed is asked again where the address stays the same.
  if (location.hash.slice(1) === hash) showAddress();
  else location.hash = hash;
}

const goToUser = (user) => go({ user, liked: [], similar: null });
const goToLiked = (liked) => go({ user: null, liked });

function like(item) {
  const now = wanted();
  const liked = now.user === null ? now.liked : [];
  if (liked.length >= MOST_LIKED) return report(new Error(`At most ${MOST_LIKED} titles can be named.`));
  if (!liked.includes(item)) goToLiked([...liked, item]);
}

// Rows

const titleOf = (item) => item.title ?? `Item ${item.id}`;
const users = (count) => `${NUMBERS.format(count)} ${count === 1 ? "user" : "users"}`;
const share = (value) => Math.min(Math.max(value, 0), 1);

function bar(value) {
  const made = element("span", { className: "bar", "aria-hidden": "true" });
  made.style.setProperty("--share", share(value));
  return made;
}

function button(text, item, press) {
  const made = element("button", { type: "button", "aria-label": `${text}: ${titleOf(item)}` }, text);
  made.addEventListener("click", () => press(made));
  return made;
}

function similarButton(item) {
  if (!dataset.compares_items) return null;
  return button("Similar", item, (made) => {
    opener = made;
    if (wanted().similar === item.item) byId("similar-heading").focus();
    go({ similar: item.item });
  });
}

function likeButton(item) {
  if (!dataset.takes_histories) return null;
  return button("Like", item, () => like(item.item));
}

function why(reasons) {
  if (!reasons.length) return null;
  // A cosine stays on the line of its title's end.
  const parts = reasons.flatMap((reason) => ["\u00a0· ", named(titleOf(reason)), `\u00a0${reason.cosine.toFixed(2)}`]);
  return element("p", { className: "why" }, "Near ", ...parts.slice(1));
}

function row(item, { rank = null, score = null, reasons = [], buttons }) {
  const title = element("div", { className: "title" }, named(titleOf(item)));
  if (item.title !== null) title.append(element("small", {}, named(item.id)));
  if (item.held_out) title.append(element("span", { className: "badge" }, "held out"));
  const facts = element("div", { className: "facts" });
  if (score !== null) facts.append(bar(score), element("span", {}, score.toFixed(3)));
  facts.append(element("span", {}, users(item.interactions)));
  return element(
    "li",
    {},
    rank === null ? null : element("span", { className: "rank" }, String(rank)),
    element("div", { className: "about" }, title, facts),
    why(reasons),
    element("div", { className: "actions" }, ...buttons),
  );
}

// The three columns

function showHistory(items, makeButtons) {
  const rows = items.map((item) => row(item, { buttons: makeButtons(item) }));
  byId("history-items").replaceChildren(...rows.slice(0, FIRST_OF_HISTORY));
  const rest = rows.slice(FIRST_OF_HISTORY);
  const more = byId("whole-history");
  more.hidden = !rest.length;
  more.textContent = `Show ${rest.length} more`;
  more.onclick = () => {
    byId("history-items").append(...rest);
    more.hidden = true;
    rest[0].querySelector("button")?.focus();
  };
}

function showList(answer, heading, note) {
  byId("list-heading").replaceChildren(...heading);
  byId("list-note").replaceChildren(...note);
  const isPopularity = answer.source === "popularity";
  const rows = answer.list.map((item, place) =>
    row(item, {
      rank: place + 1,
      score: isPopularity ? null : item.score,
      reasons: item.why,
      buttons: [similarButton(item), likeButton(item)],
    }),
  );
  byId("list-items").replaceChildren(...rows);
  byId("list-legend").hidden = isPopularity;
  byId("announcement").textContent = `${byId("list-heading").textContent}: ${rows.length} items`;
}

function offerNeighbours(answer) {
  shownUser = answer;
  byId("previous-user").disabled = byId("next-user").disabled = answer === null;
}

function showUser(answer) {
  offerNeighbours(answer);
  const total = answer.interactions;
  byId("history-heading").replaceChildren("History of user ", named(answer.id));
  const some = answer.history.length < total ? `, the ${answer.history.length} most popular of them shown` : "";
  byId("history-note").textContent = total
    ? `${NUMBERS.format(total)} ${total === 1 ? "item" : "items"} in training${some}`
    : "Nothing in training";
  showHistory(answer.history, (item) => [similarButton(item)]);
  showList(answer, ["Recommended"], heldOut(answer));
  document.title = `User ${answer.id} · ${dataset.name} · ncf browse`;
}

function heldOut(answer) {
  const count = answer.held_out.length;
  if (!count) return ["No item of this user is held out for the test."];
  if (count > 1) {
    const listed = answer.list.filter((item) => item.held_out).length;
    return [`Held out for the test: ${count} items, ${listed || "none"} of them among these ${answer.list.length}.`];
  }
  const place = answer.list.findIndex((item) => item.held_out) + 1;
  const where = place ? ` is number ${place}.` : ` is not among these ${answer.list.length}.`;
  return ["Held out for the test: ", named(titleOf(answer.held_out[0])), where];
}

function showLiked(answer) {
  const count = answer.liked.length;
  byId("history-heading").textContent = "Titles you like";
  const none = dataset.takes_histories
    ? "None yet. Name one above, or choose Like beside one."
    : "This model has lists for the users of its training alone: find one above.";
  byId("history-note").textContent = count ? "" : none;
  const without = (item) => wanted().liked.filter((each) => each !== item.item);
  const remove = (item) =>
    button("Remove", item, () => {
      goToLiked(without(item));
      byId("item-input").focus();
    });
  showHistory(answer.liked, (item) => [similarButton(item), remove(item)]);
  const note = count ? "For a new user who likes these titles alone." : "What most users have in training.";
  showList(answer, [count ? "Recommended" : "Most popular"], [note]);
  document.title = `${count ? "Titles you like" : "Most popular"} · ${dataset.name} · ncf browse`;
}

function showSimilar(answer) {
  byId("similar-heading").replaceChildren("Similar to ", named(titleOf(answer)));
  const rows = answer.similar.map((item, place) =>
    row(item, { rank: place + 1, score: item.cosine, buttons: [similarButton(item), likeButton(item)] }),
  );
  byId("similar-items").replaceChildren(...rows);
  byId("similar-heading").focus();
}

function report(problem) {
  byId("problem").textContent = problem?.message ?? "";
  byId("problem").hidden = problem === null;
}

// From the address to the columns

async function showAddress() {
  // Else what is asked for an older address could come later than what is shown now.
  drop("address");
  report(null);
  const { user, liked, k, similar } = wanted();
  showLengths(k);
  offerNeighbours(user === null ? null : shownUser);
  const questions = {
    lists: user === null ? `liked?items=${liked}&k=${k}` : `user?user=${user}&k=${k}`,
    similar: similar === null ? null : `similar?item=${similar}&k=${k}`,
  };
  if (similar === null) mark("similar", null);
  try {
    for (const [part, question] of Object.entries(questions)) {
      if (question === shown[part]) continue;
      const answer = await ask("address", question);
      if (answer === null) return;
      mark(part, question);
      if (part === "lists") showLists(answer);
      else showSimilar(answer);
    }
  } catch (problem) {
    report(problem);
    for (const part in questions) if (questions[part] !== shown[part]) mark(part, null);
    if (shown.lists === null) document.title = `${dataset.name} · ncf browse`;
  }
}

// From now on a part of the page is the answer to a question; it is hidden where that is null.
function mark(part, question) {
  shown[part] = question;
  for (const section of SECTIONS[part]) byId(section).hidden = question === null;
}

function showLists(answer) {
  const focused = document.activeElement;
  if (answer.liked) showLiked(answer);
  else showUser(answer);
  // What had the focus may be gone, such as the button beside a title that is liked now.
  if (!focused.isConnected) byId("list-heading").focus();
}

// The address may name a length that is not among the usual ones.
function showLengths(k) {
  const lengths = LENGTHS.includes(k) ? LENGTHS : [...LENGTHS, k].sort((one, other) => one - other);
  byId("length").replaceChildren(...lengths.map((length) => element("option", {}, String(length))));
  byId("length").value = k;
}

// What can be pressed

// Without anything to look for, the server offers users at random.
async function goToAnyUser() {
  try {
    const found = await ask("any user", "users?search=");
    if (found?.users.length) goToUser(found.users[0].user);
  } catch (problem) {
    report(problem);
  }
}

function listen() {
  byId("previous-user").addEventListener("click", () => goToUser(shownUser.previous));
  byId("next-user").addEventListener("click", () => goToUser(shownUser.next));
  byId("random-user").addEventListener("click", goToAnyUser);
  byId("start-over").addEventListener("click", () => go({ user: null, liked: [], similar: null }));
  byId("length").addEventListener("change", (event) => go({ k: Number(event.target.value) }));
  const closeSimilar = () => {
    go({ similar: null });
    (opener?.isConnected ? opener : byId("item-input")).focus();
  };
  byId("close-similar").addEventListener("click", closeSimilar);
  byId("similar").addEventListener("keydown", (event) => event.key === "Escape" && closeSimilar());
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  new Combobox(byId("user-search"), {
    search: async (search) => (await ask("users", `users?${new URLSearchParams({ search })}`))?.users ?? null,
    show: (user) => [named(user.id), element("small", {}, `${NUMBERS.format(user.interactions)} items`)],
    choose: (user) => goToUser(user.user),
    report,
  });
  new Combobox(byId("item-search"), {
    search: async (search) => (await ask("items", `items?${new URLSearchParams({ search })}`))?.items ?? null,
    show: (item) => [named(titleOf(item)), element("small", {}, named(item.title === null ? "" : item.id))],
    choose: (item) => like(item.item),
    report,
  });
  window.addEventListener("hashchange", showAddress);
}

async function begin() {
  try {
    dataset = await ask("dataset", "dataset");
  } catch (problem) {
    return report(problem);
  }
  const { name, users, items, interactions } = dataset;
  byId("dataset-name").textContent = name;
  byId("dataset-sizes").textContent =
    `${NUMBERS.format(users)} users, ${NUMBERS.format(items)} items, ${NUMBERS.format(interactions)} interactions`;
  byId("item-field").hidden = !dataset.takes_histories;
  byId("list-reasons").hidden = !dataset.compares_items;
  listen();
  await showAddress();
}

begin();
