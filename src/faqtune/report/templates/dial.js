"use strict";
// The slider only looks up: every share and interval was measured by `faqtune evaluate`.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);

  function percent(share) {
    return share === null ? "–" : (100 * share).toFixed(1);
  }

  function fill(dial, said, place) {
    const threshold = data.thresholds[place];
    dial.querySelector("output").textContent = threshold.toFixed(3);
    dial.querySelectorAll(".tile").forEach(function (tile) {
      const share = data.shares[tile.dataset.share];
      const value = tile.querySelector("b");
      value.textContent = percent(share.value[place]);
      value.dataset.source = value.dataset.source.replace(/\d+$/, place);
      tile.querySelector("small").textContent = share.low[place] === null
        ? ""
        : "[" + percent(share.low[place]) + ", " + percent(share.high[place]) + "]";
    });
    ["right", "wrong", "passed_on"].forEach(function (name) {
      dial.querySelector(".part." + name).style.flexGrow = data.shares[name].value[place];
    });
    const first = data.texts.findIndex(function (found) { return found[2] < threshold; });
    const split = first < 0 ? data.texts.length : first;
    list(dial.querySelector(".above"), data.texts.slice(Math.max(0, split - data.listed), split).reverse(), said);
    list(dial.querySelector(".below"), data.texts.slice(split, split + data.listed), said);
  }

  function list(target, texts, said) {
    const items = texts.map(function (found) {
      const more = [];
      if (found[3]) more.push(said.found.split("{entry}").join(found[3]));
      if (found[4]) more.push(said.expected.split("{entry}").join(found[4]));
      return item(found[0], found[1], said.kinds[found[1]], found[2].toFixed(3), more.join(" · "));
    });
    target.replaceChildren.apply(target, items.length ? items : [item(said.nothing, "", "", "", "")]);
  }

  function item(text, kind, kindWords, score, more) {
    const made = document.createElement("li");
    const shown = document.createElement("bdi");
    shown.textContent = text;
    made.append(shown);
    if (kind) {
      const small = document.createElement("small");
      const mark = document.createElement("b");
      mark.className = "kind " + kind;
      mark.textContent = kindWords;
      small.append(mark, " " + score + (more ? " · " + more : ""));
      made.append(small);
    }
    return made;
  }

  document.querySelectorAll(".dial").forEach(function (dial) {
    const said = data.words[dial.closest("article").lang.slice(0, 2)];
    const slider = dial.querySelector("input");
    const own = slider.value;
    const reset = dial.querySelector("button");
    function move() {
      fill(dial, said, Number(slider.value));
      slider.setAttribute("aria-valuetext", data.thresholds[slider.value].toFixed(3));
      reset.disabled = slider.value === own;
    }
    slider.addEventListener("input", move);
    reset.addEventListener("click", function () {
      slider.value = own;
      move();
    });
    dial.querySelectorAll("[hidden]").forEach(function (part) { part.hidden = false; });
    move();
  });
})();
