"use strict";
// Tables sort by a click on a header and show only the rows that hold what is typed. Groups keep together.
(function () {
  const words = JSON.parse(document.getElementById("data").textContent).words;

  function valueOf(row, column) {
    const cell = row.cells[column];
    if (!cell) return "";
    const number = /^[▲▼\s]*([+\-−]?[\d,]*\.?\d+(e[+-]?\d+)?)/i.exec(cell.textContent.trim());
    return number ? Number(number[1].replace("−", "-").replace(/,/g, "")) : cell.textContent.trim();
  }

  function compare(one, other) {
    if (typeof one === "number" && typeof other === "number") return one - other;
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    return one.localeCompare(other);
  }

  function sort(table, column, rising) {
    Array.from(table.tBodies).forEach(function (body) {
      const rows = Array.from(body.rows).filter(function (row) { return !row.classList.contains("group"); });
      rows.sort(function (one, other) {
        const found = compare(valueOf(one, column), valueOf(other, column));
        return rising ? found : -found;
      });
      rows.forEach(function (row) { body.appendChild(row); });
    });
  }

  function makeSortable(table) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.addEventListener("click", function () {
        const rising = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
        sort(table, column, rising);
      });
    });
  }

  function makeFilter(table) {
    const rows = Array.from(table.tBodies)
      .flatMap(function (body) { return Array.from(body.rows); })
      .filter(function (row) { return !row.classList.contains("group"); });
    if (rows.length < 9) return;
    const said = words[table.closest("article").lang.slice(0, 2)];
    const label = document.createElement("label");
    const input = document.createElement("input");
    const status = document.createElement("span");
    input.type = "search";
    status.setAttribute("role", "status");
    label.append(said.filter + " ", input);
    const bar = document.createElement("div");
    bar.className = "filter";
    bar.append(label, status);
    table.closest(".scroll").before(bar);
    input.addEventListener("input", function () {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      rows.forEach(function (row) {
        row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
        if (!row.hidden) shown += 1;
      });
      status.textContent = wanted
        ? said.filtered.replace("{shown}", shown).replace("{total}", rows.length)
        : "";
    });
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    makeSortable(table);
    makeFilter(table);
  });
})();
