// Questions to the server, of each kind the latest alone.

const underWay = new Map();

// Returns the answer, or null if the same kind of thing was asked again meanwhile; throws Error with a sentence.
export async function ask(kind, name, parameters) {
  underWay.get(kind)?.abort();
  const controller = new AbortController();
  underWay.set(kind, controller);
  let answer, found;
  try {
    answer = await fetch(`/api/${name}?${new URLSearchParams(parameters)}`, { signal: controller.signal });
    found = await answer.json();
  } catch (error) {
    if (controller.signal.aborted) return null;
    throw new Error("The server gives no answer. Is ncf browse still running?");
  }
  if (controller.signal.aborted) return null;
  if (!answer.ok) throw new Error(found.error);
  return found;
}
