/* Asks the page's own server. */

export async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The page's server does not answer; is it still running?");
  }
  const values = await answer.json().catch(() => ({ error: "The page's server did not answer as expected." }));
  if (!answer.ok) throw new Error(values.error || "The page's server refused.");
  return values;
}
