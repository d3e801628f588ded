// Keeps the organiser's tables up to date. Everything is put in as text.
"use strict";
(() => {
  const PERIOD_MS = 2000;

  const fill = (id, rows) => {
    const body = document.querySelector(`#${id} tbody`);
    body.replaceChildren(
      ...rows.map((cells) => {
        const row = document.createElement("tr");
        for (const cell of cells) {
          const place = row.insertCell();
          place.textContent = cell;
          if (typeof cell === "number" || /^-?[\d.]+( %| of \d+)?$/.test(cell)) place.className = "number";
        }
        return row;
      }),
    );
  };

  const show = (said) => {
    fill("raters", said.raters.map((each) => [each.rater, each.form, each.done, each.total]));
    fill(
      "agreement",
      said.agreement.map((each) => [
        each.form,
        each.question.replaceAll("_", " "),
        each.raters,
        each.things,
        `${each.percent.toFixed(1)} %`,
        each.kappa.toFixed(3),
      ]),
    );
    for (const line of document.querySelectorAll("#disagreements li")) {
      const left = said.disagreements[line.dataset.form];
      line.querySelector(".left").textContent = left ? `${left} open` : "none open";
      line.querySelector("a").hidden = !left;
    }
    document.getElementById("recognition-section").hidden = !said.recognition.length;
    fill(
      "recognition",
      said.recognition.map((each) => [
        each.method,
        each.heads,
        each.right,
        each.wrong,
        each.cannot,
        each.photographed ? `${each.named} of ${each.photographed}` : "–",
      ]),
    );
  };

  const update = async () => {
    const answer = await fetch("api/progress").catch(() => null); // the app may be starting again
    if (answer?.ok) show(await answer.json());
    setTimeout(update, PERIOD_MS);
  };
  update();
})();
