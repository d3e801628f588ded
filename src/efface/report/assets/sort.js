// Sorts the table by the column whose heading is pressed, and shows one kind of file alone. Asks for nothing.
"use strict";
(() => {
  const table = document.getElementById("files");
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const kinds = [...document.querySelectorAll("button[data-kind]")];
  const said = document.getElementById("showing");
  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const sortBy = (column, down) => {
    const keyed = [...body.rows].map((row) => [row.cells[column].dataset.key, row]);
    const numeric = keyed.every(([key]) => /^-?\d+$/.test(key)); // as words, -3 would come after -1
    const compare = numeric ? (one, other) => one[0] - other[0] : (one, other) => words.compare(one[0], other[0]);
    keyed.sort(down ? (one, other) => compare(other, one) : compare);
    body.replaceChildren(...keyed.map(([, row]) => row));
  };

  headings.forEach((heading, column) => {
    const button = heading.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((each) => each.hasAttribute("aria-sort") && each.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(column, down);
    });
  });

  const showOnly = (kind) => {
    let shown = 0;
    for (const row of body.rows) {
      row.hidden = kind !== null && row.dataset.kind !== kind;
      shown += row.hidden ? 0 : 1;
    }
    kinds.forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.kind === kind)));
    said.textContent = kind === null ? "" : `${shown} of ${body.rows.length}: ${kind}`;
  };

  kinds.forEach((button) =>
    button.addEventListener("click", () => {
      showOnly(button.getAttribute("aria-pressed") === "true" ? null : button.dataset.kind);
    }),
  );
})();
