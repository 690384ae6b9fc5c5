"use strict";
// One box says what a chart's point is: where the pointer is, or which one the arrow keys have come to.
(function () {
  const box = document.getElementById("tip");

  function show(words, x, y) {
    box.textContent = words;
    box.hidden = false;
    const wide = document.documentElement.clientWidth;
    box.style.left = Math.max(8, Math.min(x + 12, wide - box.offsetWidth - 8)) + window.scrollX + "px";
    box.style.top = Math.max(8, y - box.offsetHeight - 12) + window.scrollY + "px";
  }

  function hide() {
    box.hidden = true;
  }

  window.faqtuneTip = { show: show, hide: hide };

  // The browser's own tooltip would come late and lie over ours.
  function wordsOf(mark) {
    const title = mark.querySelector("title");
    if (title) {
      mark.faqtuneWords = title.textContent;
      title.remove();
    }
    return mark.faqtuneWords || "";
  }

  document.querySelectorAll("svg.chart").forEach(function (chart) {
    const marks = Array.from(chart.querySelectorAll(".tip"));
    if (!marks.length) return;
    let at = -1;
    chart.setAttribute("tabindex", "0");

    function light(place) {
      marks.forEach(function (mark) { mark.classList.remove("lit"); });
      at = place;
      const mark = marks[at];
      mark.classList.add("lit");
      const where = mark.getBoundingClientRect();
      show(wordsOf(mark), where.left + where.width / 2, where.top);
    }

    function leave() {
      marks.forEach(function (mark) { mark.classList.remove("lit"); });
      hide();
    }

    marks.forEach(function (mark, place) {
      mark.addEventListener("pointerenter", function () { light(place); });
      mark.addEventListener("pointerleave", leave);
    });
    chart.addEventListener("blur", leave);
    chart.addEventListener("keydown", function (event) {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") leave();
      if (!step) return;
      event.preventDefault();
      light(Math.max(0, Math.min(marks.length - 1, at + step)));
    });
  });
})();
