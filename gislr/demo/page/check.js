/* Runs where modules do not, as in pages opened from a file. */
if (location.protocol === "file:") {
  var message = document.getElementById("message");
  message.textContent = "Browsers run this page only from a web server: start python -m http.server in its folder, and open http://localhost:8000.";
  message.hidden = false;
  document.getElementById("about").textContent = "";
}
