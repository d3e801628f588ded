// One scan after another: questions, keys, progress. An answer counts once the app has said that it is kept.
"use strict";
(() => {
  const { rater, form } = document.body.dataset;
  const described = JSON.parse(document.body.dataset.described);
  const $ = (id) => document.getElementById(id);
  const known = new URLSearchParams({ rater, form });
  let current = null; // what the app said of the present scan
  let asked = described.questions;
  let answers = {};
  let at = 0; // the question that keys answer
  let busy = true;

  const viewer = new Viewer($("stage"), described, (path) => `${path}?${known}&id=${current.id}`);

  const ask = async (path, sent) => {
    const options = sent && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ rater, form, ...sent }),
    };
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("The app does not answer. What you confirmed is kept. Start `efface rate` again and open its new address.");
    }
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error ?? `The app answered ${answer.status}.`);
    return said;
  };

  const say = (text, tone = "") => {
    $("message").textContent = text;
    $("message").className = tone;
  };

  // One thing at a time: keys that come while the app works are left out, so that no answer goes to the wrong scan.
  const alone = async (work) => {
    if (busy) return;
    busy = true;
    try {
      await work();
    } catch (error) {
      say(error.message, "error");
    } finally {
      busy = false;
      refresh();
    }
  };

  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const labelOf = (question, value) => question.answers.find((each) => each.value === value)?.label ?? value;

  // In the consensus, what all raters said is there already; what they did not agree on is left to settle.
  const agreedUpon = (said) =>
    Object.fromEntries(
      Object.entries(said ?? {}).filter(([, values]) => values.length && values.every((each) => each === values[0]))
        .map(([key, values]) => [key, values[0]]),
    );

  const textBox = (question, number) => {
    const box = element("textarea");
    box.rows = 3;
    box.maxLength = described.longest;
    box.value = answers[question.key];
    box.placeholder = "In your own words, or nothing. Esc leaves the box; Enter then confirms.";
    box.addEventListener("input", () => (answers[question.key] = box.value));
    box.addEventListener("focus", () => (at = number));
    box.addEventListener("keydown", (event) => event.key === "Escape" && box.blur());
    return box;
  };

  const drawQuestions = () => {
    $("questions").replaceChildren(
      ...asked.map((question, number) => {
        const group = element("fieldset", "question");
        group.dataset.key = question.key;
        group.append(element("legend", "", question.text));
        if (question.free_text) {
          group.append(textBox(question, number));
          return group;
        }
        const list = element("div", question.answers.every((each) => each.label.length < 6) ? "answers short" : "answers");
        for (const each of question.answers) {
          const button = element("button", "answer");
          button.type = "button";
          button.dataset.value = each.value;
          button.append(element("kbd", "", each.press), element("span", "label", each.label));
          if (each.help) button.append(element("span", "soft", each.help));
          button.addEventListener("click", () => give(number, each.value));
          list.append(button);
        }
        group.append(list);
        const said = current?.said?.[question.key];
        if (said) group.append(element("p", "said", `Raters said: ${said.map((value) => labelOf(question, value)).join(", ")}`));
        return group;
      }),
    );
  };

  const refresh = () => {
    [...$("questions").children].forEach((group, number) => {
      group.classList.toggle("current", number === at && asked.length > 1);
      for (const button of group.querySelectorAll(".answer"))
        button.setAttribute("aria-pressed", String(answers[group.dataset.key] === button.dataset.value));
    });
    const complete = asked.length > 0 && asked.every((question) => question.key in answers);
    $("confirm").disabled = busy || !complete || (Boolean(current?.id) && !current.seen);
    $("undo").disabled = busy || !current || current.done === 0;
    $("skip").disabled = busy || !current?.id;
    document.querySelector(".question.current")?.scrollIntoView({ block: "nearest" });
  };

  const give = (number, value) => {
    if (busy) return;
    answers[asked[number].key] = value;
    const open = asked.map((question, place) => (question.key in answers ? -1 : place)).filter((place) => place >= 0);
    at = open.find((place) => place > number) ?? open[0] ?? Math.min(number + 1, asked.length - 1);
    say("");
    refresh();
    goToBox();
  };

  // A question that is answered in words takes the keys.
  const goToBox = () => asked[at]?.free_text && $("questions").children[at].querySelector("textarea").focus();

  const load = async (before) => {
    current = await ask(`api/place?${known}`);
    $("count").textContent = `${current.done} of ${current.total}`;
    $("bar").style.width = `${(100 * current.done) / Math.max(current.total, 1)}%`;
    answers = { ...agreedUpon(current.said), ...before };
    asked = current.id ? described.questions : current.debriefing ? described.debriefing : [];
    for (const question of asked) if (question.free_text) answers[question.key] ??= "";
    at = Math.max(0, asked.findIndex((question) => !(question.key in answers)));
    drawQuestions();
    document.body.classList.toggle("finished", !current.id);
    viewer.clear();
    if (!current.id) {
      say(current.debriefing ? "A few questions at the end." : "All done. Thank you.", "good");
      return;
    }
    if (current.break) $("pause").showModal();
    showPictures(current);
  };

  // Answers can be given meanwhile, and the last taken back, but nothing is confirmed that was not seen.
  const showPictures = async (mine) => {
    try {
      const item = await ask(`api/item?${known}&id=${mine.id}`);
      if (current !== mine) return;
      mine.original = item.original;
      mine.seen = true;
      viewer.show(item.planes);
    } catch (error) {
      if (current === mine) say(error.message, "error");
    }
    refresh();
  };

  const confirm = () =>
    alone(async () => {
      if (current.id && !current.seen) {
        say("The pictures are not there yet. Look at them first.");
        return;
      }
      const missing = asked.findIndex((question) => !(question.key in answers));
      if (!asked.length || missing >= 0) {
        at = Math.max(missing, 0);
        return;
      }
      if (current.id) await ask("api/confirm", { id: current.id, answers });
      else await ask("api/debrief", { answers });
      say("");
      await load();
    });

  const undo = () =>
    alone(async () => {
      const taken = await ask("api/undo", {});
      await load(taken.answers ?? {});
      say(taken.answers ? "Your last rating was taken back; change it and confirm again." : "There is nothing to undo.");
    });

  const skip = () =>
    alone(async () => {
      if (!current.id) return;
      await ask("api/confirm", { id: current.id, answers: {} });
      say("Skipped.");
      await load();
    });

  const showOriginal = (shown) => {
    if (current?.original) viewer.setVersion(shown ? "original" : "defaced");
  };

  const KEYS = [
    ["↑ ↓", "slice up, down", ["ArrowUp", "ArrowDown"], (key) => viewer.scroll(key === "ArrowUp" ? 1 : -1)],
    ["Page ↑ ↓", "ten slices", ["PageUp", "PageDown"], (key) => viewer.scroll(key === "PageUp" ? 10 : -10)],
    ["← →", "turn the head", ["ArrowLeft", "ArrowRight"], (key) => viewer.turn(key === "ArrowRight" ? 1 : -1)],
    ["Q W E R", "sagittal, coronal, axial, render", ["q", "w", "e", "r"], (key) => choose("qwer".indexOf(key))],
    ["F", "make the chosen picture large", ["f"], () => viewer.enlarge()],
    ["B D", "brighter, darker", ["b", "d"], (key) => viewer.brighten(key === "b" ? 1 : -1)],
    ["O", "hold: the original, where it may be seen", ["o"], () => showOriginal(true)],
    [", .", "question before, next", [",", "."], (key) => move(key === "." ? 1 : -1)],
    ["Enter", "confirm", ["Enter"], () => confirm()],
    ["U", "undo the last", ["u", "Backspace"], () => undo()],
    ["X", "skip: cannot be rated", ["x"], () => skip()],
    ["?", "these keys", ["?"], () => $("help").showModal()],
  ];

  const choose = (number) => {
    const name = [...viewer.panes.keys()][number];
    if (name) viewer.choose(name);
  };

  const move = (steps) => {
    at = Math.min(asked.length - 1, Math.max(0, at + steps));
    refresh();
    goToBox();
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.tagName === "TEXTAREA") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const answer = asked[at]?.answers.find((each) => each.press.toLowerCase() === key);
    const known = KEYS.find((each) => each[2].includes(key));
    if (!answer && !known) return;
    event.preventDefault();
    if (answer) {
      if (!event.repeat) give(at, answer.value);
    } else if (!event.repeat || key.startsWith("Arrow") || key.startsWith("Page")) known[3](key);
  };

  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "o" && showOriginal(false));
  window.addEventListener("blur", () => showOriginal(false));
  $("confirm").addEventListener("click", confirm);
  $("undo").addEventListener("click", undo);
  $("skip").addEventListener("click", skip);
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("help-close").addEventListener("click", () => $("help").close());
  $("pause-close").addEventListener("click", () => $("pause").close());
  for (const [keys, meaning] of KEYS) $("keys").append(element("dt", "", keys), element("dd", "", meaning));

  busy = false;
  alone(() => load());
})();
