/* Elements of the page by their id, and its message. */

export const $ = (id) => document.getElementById(id);

export function showMessage(text) {
  $("message").hidden = !text;
  $("message").textContent = text || "";
}
