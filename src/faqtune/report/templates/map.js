"use strict";
// A map says which text the nearest dot is, and lights up the same text on the other map.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const REACH = 9;

  function dotsOf(chart) {
    const found = [];
    chart.querySelectorAll("path.on-map[data-kind]").forEach(function (path) {
      const kind = path.dataset.kind;
      path.getAttribute("d").split("M").slice(1).forEach(function (place, number) {
        const pair = place.replace("h0", "").split(" ");
        found.push({ x: Number(pair[0]), y: Number(pair[1]), kind: kind, text: data.map[kind][number] });
      });
    });
    return found;
  }

  document.querySelectorAll("article").forEach(function (article) {
    const said = data.words[article.lang.slice(0, 2)];
    const charts = Array.from(article.querySelectorAll("svg.chart"))
      .filter(function (chart) { return chart.querySelector("path.on-map[data-kind]"); });
    const dots = charts.map(dotsOf);

    function onScreen(chart, dot) {
      const point = new DOMPoint(dot.x, dot.y).matrixTransform(chart.getScreenCTM());
      return [point.x, point.y];
    }

    function light(chart, number) {
      charts.forEach(function (other, place) {
        const lit = other.querySelector(".lit-dot");
        lit.setAttribute("cx", dots[place][number].x);
        lit.setAttribute("cy", dots[place][number].y);
      });
      const dot = dots[charts.indexOf(chart)][number];
      const where = onScreen(chart, dot);
      window.faqtuneTip.show(said.map[dot.kind] + ": " + dot.text, where[0], where[1]);
    }

    function leave() {
      charts.forEach(function (chart) { chart.querySelector(".lit-dot").setAttribute("cx", -99); });
      window.faqtuneTip.hide();
    }

    charts.forEach(function (chart, place) {
      let at = -1;
      chart.setAttribute("tabindex", "0");
      chart.addEventListener("pointermove", function (event) {
        const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
        let best = -1;
        let nearest = REACH * REACH;
        dots[place].forEach(function (dot, number) {
          const far = (dot.x - point.x) * (dot.x - point.x) + (dot.y - point.y) * (dot.y - point.y);
          if (far < nearest) {
            nearest = far;
            best = number;
          }
        });
        if (best >= 0) light(chart, best); else leave();
      });
      chart.addEventListener("pointerleave", leave);
      chart.addEventListener("blur", leave);
      chart.addEventListener("keydown", function (event) {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (event.key === "Escape") leave();
        if (!step) return;
        event.preventDefault();
        at = Math.max(0, Math.min(dots[place].length - 1, at + step));
        light(chart, at);
      });
    });
  });
})();
