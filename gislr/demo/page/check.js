/* Says why nothing starts where modules do not: in pages opened from a file, or without some of their files. */
function showProblem(text) {
  if (document.body.dataset.state !== "loading") return;
  document.getElementById("message").textContent = text;
  document.getElementById("message").hidden = false;
  document.getElementById("about").textContent = "";
}

if (location.protocol === "file:") {
  showProblem("Browsers run this page only from a web server: start python -m http.server in its folder, and open http://localhost:8000.");
} else {
  addEventListener("error", function () {
    showProblem("A part of this page could not be loaded: reload it, in a browser of 2023 or later.");
  }, true);
}
