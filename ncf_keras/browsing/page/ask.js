// Questions to the server, of each kind the latest alone.

const underWay = new Map();

// Drops the question of a kind that is under way.
export function drop(kind) {
  underWay.get(kind)?.abort();
}

// Returns the answer to a question, "name?parameters", or null if it was dropped or another of its kind was
// asked meanwhile; throws Error with a sentence.
export async function ask(kind, question) {
  drop(kind);
  const controller = new AbortController();
  underWay.set(kind, controller);
  let answer, found;
  try {
    answer = await fetch(`/api/${question}`, { signal: controller.signal });
    found = await answer.json();
  } catch (error) {
    if (controller.signal.aborted) return null;
    // uvicorn says so in plain text.
    if (answer?.status === 503) throw new Error("The server is busy. Try again in a moment.");
    throw new Error("The server gives no answer. Is ncf browse still running?");
  }
  if (controller.signal.aborted) return null;
  if (!answer.ok) throw new Error(found.error);
  return found;
}
