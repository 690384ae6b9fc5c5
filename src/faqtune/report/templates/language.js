"use strict";
(function () {
  var inputs = document.querySelectorAll(".switch");
  function tell() {
    var chosen = document.querySelector(".switch:checked");
    document.documentElement.lang = chosen.id === "show-zh" ? "zh-CN" : "en";
  }
  var wanted = (navigator.languages || [navigator.language || ""])
    .map(function (language) { return language.slice(0, 2).toLowerCase(); })
    .filter(function (language) { return document.getElementById("show-" + language); })[0];
  if (wanted) document.getElementById("show-" + wanted).checked = true;
  inputs.forEach(function (input) { input.addEventListener("change", tell); });
  tell();
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (details) { details.open = true; });
  });
})();
