/* Elements of the page by their id, its message, its files. */

export const $ = (id) => document.getElementById(id);

export function showMessage(text) {
  $("message").hidden = !text;
  $("message").textContent = text || "";
}

/* Returns the answer with a file of the page. */
export async function download(path) {
  const answer = await fetch(new URL(path, import.meta.url)).catch(() => null);
  if (!answer?.ok) throw new Error(`${path.slice(2)} could not be loaded; reload the page.`);
  return answer;
}
