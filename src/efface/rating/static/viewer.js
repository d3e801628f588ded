// Shows one scan: slices in three planes, and renders. Pictures come from this machine only.
"use strict";

class Viewer {
  constructor(stage, described, address) {
    this.stage = stage;
    this.described = described;
    this.address = address; // (path) -> address of a picture of the present scan
    this.pictures = new Map();
    this.panes = new Map();
    this.which = "defaced";
    this.bright = 1;
    this.view = described.front;
    this.place = {};
    this.counts = {};
    this.active = null;
    for (const plane of described.planes) this.addPane(plane.name, plane.ends);
    if (described.turn) this.addPane("render", []);
    else described.views.forEach((_, number) => this.addPane(`view ${number}`, []));
    stage.classList.toggle("row", !described.planes.length);
    if (described.photographs) this.addPhotographs(described.photographs);
  }

  addPane(name, ends) {
    const pane = document.createElement("figure");
    pane.dataset.name = name;
    const caption = document.createElement("figcaption");
    pane.append(caption);
    ends.forEach((end, side) => {
      const letter = document.createElement("span");
      letter.className = side ? "end right" : "end left";
      letter.textContent = end;
      pane.append(letter);
    });
    this.stage.append(pane);
    this.panes.set(name, pane);
    pane.addEventListener("pointerdown", (event) => this.press(name, event));
    pane.addEventListener("dblclick", () => this.enlarge());
    pane.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.choose(name);
        if (name === "render") this.turn(Math.sign(event.deltaY));
        else this.scroll(-Math.sign(event.deltaY));
      },
      { passive: false },
    );
  }

  addPhotographs(count) {
    const strip = document.createElement("div");
    strip.className = "photographs";
    for (let number = 1; number <= count; number += 1) {
      const figure = document.createElement("figure");
      const picture = new Image();
      picture.src = `photograph/${number}.png`;
      picture.alt = `Photograph ${number}`;
      const caption = document.createElement("figcaption");
      caption.textContent = String(number);
      figure.append(picture, caption);
      strip.append(figure);
    }
    this.stage.after(strip);
    const column = document.createElement("div");
    column.className = "column";
    this.stage.replaceWith(column);
    column.append(this.stage, strip);
  }

  // Begin with another scan.
  show(counts) {
    this.forget();
    this.counts = counts;
    this.which = "defaced";
    this.view = this.described.front;
    this.place = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Math.floor(count / 2)]));
    this.choose(this.active ?? this.panes.keys().next().value);
    this.draw();
  }

  clear() {
    this.forget();
    this.counts = {};
    for (const pane of this.panes.values()) {
      pane.querySelector("img")?.remove();
      pane.querySelector("figcaption").textContent = "";
    }
  }

  // What is still on its way would keep the next scan waiting.
  forget() {
    for (const picture of this.pictures.values()) if (!picture.complete) picture.src = "data:,";
    this.pictures.clear();
  }

  choose(name) {
    this.active = name;
    for (const [each, pane] of this.panes) pane.classList.toggle("active", each === name);
  }

  enlarge() {
    this.stage.classList.toggle("large");
  }

  brighten(steps) {
    this.bright = Math.min(3, Math.max(0.4, this.bright * 1.15 ** steps));
    document.documentElement.style.setProperty("--bright", this.bright.toFixed(3));
  }

  scroll(steps) {
    const count = this.counts[this.active];
    if (!count) return;
    this.place[this.active] = Math.min(count - 1, Math.max(0, this.place[this.active] + steps));
    this.draw();
  }

  turn(steps) {
    if (!this.described.turn) return;
    this.view = Math.min(this.described.views.length - 1, Math.max(0, this.view + steps));
    this.draw();
  }

  setVersion(which) {
    if (this.which === which) return;
    this.which = which;
    this.draw();
  }

  draw() {
    for (const name of this.panes.keys()) this.drawPane(name);
  }

  path(name, offset = 0) {
    if (name === "render") return `view/${this.which}/${this.view + offset}.png`;
    if (name.startsWith("view ")) return `view/${this.which}/${name.slice(5)}.png`;
    return `slice/${this.which}/${name}/${this.place[name] + offset}.png`;
  }

  caption(name) {
    const version = this.which === "original" ? "ORIGINAL · " : "";
    if (name in this.counts) return `${version}${name} ${this.place[name] + 1}/${this.counts[name]}`;
    const angle = this.described.views[name === "render" ? this.view : Number(name.slice(5))];
    const side = angle > 0 ? " left" : " right";
    return version + (angle ? `${Math.abs(angle)}°${side}` : "front");
  }

  drawPane(name) {
    const pane = this.panes.get(name);
    const wanted = this.path(name);
    pane.dataset.wanted = wanted;
    pane.querySelector("figcaption").textContent = this.caption(name);
    pane.classList.toggle("original", this.which === "original");
    if (pane.dataset.which !== this.which) pane.querySelector("img")?.remove(); // never the one under the other's name
    pane.dataset.which = this.which;
    const picture = this.picture(wanted);
    const put = () => {
      if (pane.dataset.wanted !== wanted) return;
      pane.classList.remove("loading");
      const old = pane.querySelector("img");
      if (old !== picture) old ? old.replaceWith(picture) : pane.prepend(picture);
      this.fetchNear(name);
    };
    if (picture.complete && picture.naturalWidth) put();
    else {
      pane.classList.add("loading");
      picture.addEventListener("load", put, { once: true });
      picture.addEventListener("error", () => pane.classList.remove("loading"), { once: true });
    }
  }

  // What the rater will look at next is asked for ahead; of renders, which may have to be drawn first, little.
  fetchNear(name) {
    const count = name === "render" ? this.described.views.length : this.counts[name];
    const at = name === "render" ? this.view : this.place[name];
    const reach = name === "render" ? 1 : 6;
    for (let offset = 1; count && offset <= reach; offset += 1)
      for (const each of [offset, -offset])
        if (at + each >= 0 && at + each < count) this.picture(this.path(name, each));
  }

  picture(path) {
    if (!this.pictures.has(path)) {
      const picture = new Image();
      picture.draggable = false;
      picture.alt = "";
      picture.src = this.address(path);
      this.pictures.set(path, picture);
    }
    return this.pictures.get(path);
  }

  press(name, event) {
    this.choose(name);
    if (name === "render") this.drag(event);
    else if (name in this.counts) this.goTo(name, event);
  }

  // Dragging to the right brings the person's right side to the front, as turning a real head would.
  drag(event) {
    const pane = this.panes.get("render");
    const [from, view] = [event.clientX, this.view];
    const move = (moved) => {
      const steps = Math.round((moved.clientX - from) / 28);
      if (view + steps !== this.view) this.turn(view + steps - this.view);
    };
    const end = () => {
      pane.removeEventListener("pointermove", move);
      pane.removeEventListener("pointerup", end);
    };
    pane.setPointerCapture(event.pointerId);
    pane.addEventListener("pointermove", move);
    pane.addEventListener("pointerup", end);
  }

  // The other two planes go through the point that was pressed.
  goTo(name, event) {
    const picture = this.panes.get(name).querySelector("img");
    if (!picture) return;
    const box = picture.getBoundingClientRect();
    const scale = Math.min(box.width / picture.naturalWidth, box.height / picture.naturalHeight);
    const across = (event.clientX - box.left - (box.width - picture.naturalWidth * scale) / 2) / scale;
    const down = (event.clientY - box.top - (box.height - picture.naturalHeight * scale) / 2) / scale;
    if (across < 0 || down < 0 || across >= picture.naturalWidth || down >= picture.naturalHeight) return;
    const up = picture.naturalHeight - 1 - Math.floor(down);
    const targets = { sagittal: ["coronal", "axial"], coronal: ["sagittal", "axial"], axial: ["sagittal", "coronal"] };
    const [acrossPlane, upPlane] = targets[name];
    this.place[acrossPlane] = Math.floor(across);
    this.place[upPlane] = up;
    this.draw();
  }
}
