"use strict";
// The browser of responses. Everything from the data set goes into the page as text, never as markup.
(function () {
  const holder = document.getElementById("gradus-responses");
  const root = document.getElementById("browser");
  if (!holder || !root) return;
  const data = JSON.parse(holder.textContent);
  const PAGE = 20;
  const STEPS = 9;
  const field = (name) => root.querySelector("[name=" + name + "]");
  const list = document.getElementById("list");
  const tip = document.getElementById("tip");
  const status = document.getElementById("status");
  let matches = [];
  let page = 0;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }
  const isNumber = (value) => typeof value === "number";
  const count = (value) => value.toLocaleString("en-US");
  const number = (value) => (isNumber(value) ? value.toFixed(data.digits).replace("-", "\u2212") : "-");
  const signed = (value) => (value > 0 ? "+" : "") + number(value);
  function percent(share) {
    if (!isNumber(share)) return "-";
    return (100 * share).toPrecision(share < 0.1 ? 2 : 3).replace(/e.*/, "") + " %";
  }
  const aspect = () => (field("aspect") ? Number(field("aspect").value) : 0);

  // A segment is [text, ratings, scores, reason]; plain text between segments is a string.
  const segments = (response) => response.parts.filter(Array.isArray);
  function squaredError(segment, k) {
    const rating = segment[1][k];
    const score = segment[2] && segment[2][k];
    return isNumber(rating) && isNumber(score) ? (score - rating) * (score - rating) : null;
  }
  const largest = (response, k) => response.largest[k];

  function step(value, k) {
    const { low, high } = data.aspects[k];
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return Math.round(Math.min(1, Math.max(0, share)) * (STEPS - 1));
  }

  function haystack(response) {
    if (response.haystack === undefined) {
      const text = response.parts.map((part) => (Array.isArray(part) ? part[0] : part)).join("");
      response.haystack = [response.id, response.prompt, response.context || "", text].join("\n").toLowerCase();
    }
    return response.haystack;
  }

  const orders = {
    share: (k) => (a, b) => (b.share[k] ?? -1) - (a.share[k] ?? -1) || a.index - b.index,
    largest: (k) => (a, b) => (b.largest[k] ?? -1) - (a.largest[k] ?? -1) || a.index - b.index,
    mean: (k) => (a, b) => (b.mean[k] ?? -1) - (a.mean[k] ?? -1) || a.index - b.index,
    file: () => (a, b) => a.index - b.index,
  };

  function filter() {
    const k = aspect();
    const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const least = parseFloat(field("least").value);
    const rated = field("rated").checked;
    matches = data.responses.filter(
      (response) =>
        (!rated || isNumber(response.mean[k])) &&
        (!(least > 0) || (largest(response, k) ?? -1) >= least) &&
        words.every((word) => haystack(response).includes(word)),
    );
    matches.sort(orders[field("order").value](k));
    page = 0;
    render();
  }

  function render() {
    hide();
    const k = aspect();
    const pages = Math.max(1, Math.ceil(matches.length / PAGE));
    const from = page * PAGE;
    const shown = matches.slice(from, from + PAGE);
    list.replaceChildren(...shown.map((response) => card(response, k)));
    if (!shown.length) list.append(element("p", "none", "No response matches."));
    status.textContent = shown.length
      ? count(from + 1) + "\u2013" + count(from + shown.length) + " of " + count(matches.length) +
        (matches.length < data.responses.length ? " that match" : "")
      : "0 match";
    for (const pager of root.querySelectorAll(".pages")) {
      pager.querySelector("[data-go='-1']").disabled = page === 0;
      pager.querySelector("[data-go='1']").disabled = page >= pages - 1;
    }
    legend(k);
    clampLong();
  }

  function card(response, k) {
    const made = element("article", "response");
    const header = element("header");
    const name = element("b");
    name.append(element("bdi", "", response.id));
    header.append(name);
    const [rating, score] = response.level[k] || [];
    if (isNumber(rating)) header.append(element("span", "", "rating " + number(rating) + ", score " + number(score)));
    const [whole, ofWhole] = response.whole[k] || [];
    if (isNumber(whole)) header.append(element("span", "", "response rated " + number(whole) + ", scored " + number(ofWhole)));
    if (isNumber(response.mean[k])) {
      header.append(element("span", "", "mean squared error " + number(response.mean[k])));
      header.append(element("span", "", percent(response.share[k]) + " of all squared error"));
    } else if (!isNumber(whole)) header.append(element("span", "", "not rated and scored on this aspect"));
    made.append(header);
    if (response.prompt) {
      const prompt = element("p", "prompt clamp", response.prompt + cut(response.promptLeft, "characters"));
      prompt.dir = "auto";
      made.append(prompt);
    }
    if (response.context) {
      const details = element("details");
      details.append(element("summary", "", "Context, " + count(response.context.length + response.contextLeft) + " characters" + (data.contextUnread ? ", which the model has not read" : "")));
      const context = element("div", "context", response.context + cut(response.contextLeft, "characters"));
      context.dir = "auto";
      context.tabIndex = 0;
      details.append(context);
      made.append(details);
    }
    made.append(body(response, k));
    if (response.segmentsLeft) {
      made.append(element("p", "note", "The text is long: " + count(response.segmentsLeft) + " more of its segments are not shown here. The figures above count them."));
    }
    return made;
  }

  const cut = (left, what) => (left ? " \u2026 (" + count(left) + " more " + what + ")" : "");

  function body(response, k) {
    const text = element("p", "text");
    text.dir = "auto";
    const all = segments(response);
    const numbers = field("numbers").checked;
    let nth = 0;
    for (const part of response.parts) {
      if (!Array.isArray(part)) {
        text.append(part);
        continue;
      }
      text.append(segment(part, response, nth, all.length + response.segmentsLeft, k, numbers));
      nth += 1;
    }
    return text;
  }

  function segment(part, response, nth, of, k, numbers) {
    const rating = part[1][k];
    const score = part[2] && part[2][k];
    // The white space after a segment belongs to it but is not painted.
    const trailing = part[0].match(/\s*$/)[0];
    const made = element("span", "seg", part[0].slice(0, part[0].length - trailing.length));
    made.classList.add(isNumber(score) ? "q" + step(score, k) : "unscored");
    if (isNumber(rating)) made.classList.add("t" + step(rating, k));
    if (numbers) made.append(element("sub", "", number(score) + (isNumber(rating) ? " / " + number(rating) : "")));
    // One stop for the tab key per response; arrow keys go from segment to segment.
    made.tabIndex = nth === 0 ? 0 : -1;
    made.setAttribute("role", "note");
    made.setAttribute("aria-label", describe(part, nth, of, k) + part[0].trim());
    made.segment = { part, response, nth, of };
    const both = document.createDocumentFragment();
    both.append(made, trailing);
    return both;
  }

  function describe(part, nth, of, k) {
    const rating = part[1][k];
    const score = part[2] && part[2][k];
    return "Segment " + (nth + 1) + " of " + of + ", score " + (isNumber(score) ? number(score) : "none") +
      ", rating " + (isNumber(rating) ? number(rating) : "none") + ": ";
  }

  function show(made) {
    const { part, response, nth, of } = made.segment;
    hide();
    made.classList.add("on");
    const table = element("table");
    const head = element("tr");
    const several = data.aspects.length > 1;
    const names = ["rating", "score", "error", "error\u00b2", "share"];
    if (several) names.unshift("");
    head.append(...names.map((name) => element("th", "", name)));
    table.append(head);
    data.aspects.forEach((entry, k) => {
      const rating = part[1][k];
      const score = part[2] && part[2][k];
      const squared = squaredError(part, k);
      const cells = [
        number(rating),
        number(score),
        squared === null ? "-" : signed(score - rating),
        squared === null ? "-" : squared.toFixed(4),
        squared === null || !(entry.total > 0) ? "-" : percent(squared / entry.total),
      ];
      if (several) cells.unshift(entry.name);
      const row = element("tr");
      row.append(...cells.map((cell, place) => element("td", several && !place ? "aspect" : "", cell)));
      table.append(row);
    });
    tip.replaceChildren(element("strong", "", "Segment " + (nth + 1) + " of " + of), table);
    if (part[3]) tip.append(element("div", "", "Not scored: " + part[3] + "."));
    else if (!part[1].some(isNumber)) tip.append(element("div", "", "Not rated."));
    tip.hidden = false;
    place(made);
  }

  function place(made) {
    const boxes = made.getClientRects();
    const box = boxes.length ? boxes[0] : made.getBoundingClientRect();
    const below = boxes.length ? boxes[boxes.length - 1].bottom : box.bottom;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const room = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(box.left, room - width - 8));
    const top = box.top - height - 8 > 50 ? box.top - height - 8 : below + 8;
    tip.style.left = left + window.scrollX + "px";
    tip.style.top = top + window.scrollY + "px";
  }

  function hide() {
    tip.hidden = true;
    for (const on of list.querySelectorAll(".seg.on")) on.classList.remove("on");
  }

  function legend(k) {
    const { low, high } = data.aspects[k];
    const steps = element("span", "steps");
    for (let q = 0; q < STEPS; q += 1) steps.append(element("i", "q" + q));
    const scale = element("span", "scale");
    scale.append(number(low), steps, number(high));
    const how = (className, text, more) => {
      const made = element("span", "how");
      made.append(element("span", "seg " + className, text), more);
      return made;
    };
    document.getElementById("legend").replaceChildren(
      scale,
      how("q7", "fill", "score"),
      how("t1", "underline", "rating"),
      how("unscored", "dashed", "not scored"),
    );
  }

  function clampLong() {
    for (const prompt of list.querySelectorAll(".clamp")) {
      if (prompt.scrollHeight <= prompt.clientHeight + 4) {
        prompt.classList.remove("clamp");
        continue;
      }
      const more = element("button", "more", "Show the whole prompt");
      more.type = "button";
      more.addEventListener("click", () => {
        prompt.classList.remove("clamp");
        more.remove();
      });
      prompt.after(more);
    }
  }

  const target = (event) => event.target.closest && event.target.closest(".text .seg");
  list.addEventListener("mouseover", (event) => (target(event) ? show(target(event)) : hide()));
  list.addEventListener("mouseleave", hide);
  list.addEventListener("focusin", (event) => (target(event) ? show(target(event)) : hide()));
  list.addEventListener("focusout", hide);
  document.addEventListener("click", (event) => (target(event) ? show(target(event)) : hide()));
  list.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const current = target(event);
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!current || !move) return;
    const all = [...current.closest(".text").querySelectorAll(".seg")];
    const next = all[all.indexOf(current) + move];
    if (!next) return;
    event.preventDefault();
    current.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  let waiting;
  for (const name of ["search", "least"]) {
    field(name).addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 150);
    });
  }
  for (const name of ["aspect", "order", "rated"]) {
    if (field(name)) field(name).addEventListener("change", filter);
  }
  field("numbers").addEventListener("change", render);
  for (const button of root.querySelectorAll("[data-go]")) {
    button.addEventListener("click", () => {
      page += Number(button.dataset.go);
      render();
      root.scrollIntoView();
    });
  }
  // Printed pages cannot be hovered over.
  window.addEventListener("beforeprint", () => {
    field("numbers").checked = true;
    render();
  });
  root.hidden = false;
  filter();
})();
