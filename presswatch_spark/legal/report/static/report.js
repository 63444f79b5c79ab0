"use strict";
// Sorts, filters and turns the pages of tables. What it shows is text: nothing of it is ever read as HTML.
const ROWS_A_PAGE = 25;
const language = document.documentElement.lang;
const { texts, tables } = JSON.parse(document.getElementById("data").textContent);
const numbers = new Intl.NumberFormat(language === "fr" ? "fr-FR" : "en-GB");
const order = new Intl.Collator(language, { numeric: true, sensitivity: "base" });

function shownOf(column, row) {
  if (column.shown) {
    return column.shown[row];
  }
  const value = column.values[row];
  return column.kind === "number" ? numbers.format(value) : value;
}

function cellOf(column, row) {
  const cell = document.createElement("td");
  cell.className = column.kind;
  const text = document.createElement("bdi");
  text.textContent = shownOf(column, row);
  const link = column.links && column.links[row];
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link;
    anchor.rel = "noreferrer noopener";
    anchor.append(text);
    cell.append(anchor);
  } else {
    cell.append(text);
  }
  return cell;
}

function compare(column, one, other) {
  const a = column.values[one];
  const b = column.values[other];
  // What is not known comes last, whichever way rows are sorted.
  if (a === null || b === null) {
    return { known: false, sign: Number(a === null) - Number(b === null) };
  }
  return { known: true, sign: typeof a === "number" ? a - b : order.compare(a, b) };
}

function liven(section) {
  const columns = tables[section.dataset.table];
  if (!columns) {
    return;
  }
  const all = columns[0].values.map((_, row) => row);
  const haystack = all.map((row) => columns.map((column) => shownOf(column, row)).join("\n").toLowerCase());
  const body = section.querySelector("tbody");
  const [input, place] = [section.querySelector("input"), section.querySelector(".place")];
  const [previous, next] = [section.querySelector(".previous"), section.querySelector(".next")];
  let rows = all;
  let first = 0;
  let sorted = null;
  let downwards = false;

  function show() {
    const last = Math.min(first + ROWS_A_PAGE, rows.length);
    const lines = rows.slice(first, last).map((row) => {
      const line = document.createElement("tr");
      line.append(...columns.map((column) => cellOf(column, row)));
      return line;
    });
    body.replaceChildren(...lines);
    const facts = { first: rows.length ? first + 1 : 0, last, all: rows.length };
    place.textContent = texts["rows shown"].replace(/\{(\w+)\}/g, (_, name) => numbers.format(facts[name]));
    previous.disabled = first === 0;
    next.disabled = last >= rows.length;
  }

  function choose() {
    const wanted = input.value.trim().toLowerCase();
    rows = all.filter((row) => haystack[row].includes(wanted));
    if (sorted !== null) {
      rows.sort((one, other) => {
        const { known, sign } = compare(columns[sorted], one, other);
        return (known && downwards ? -sign : sign) || one - other;
      });
    }
    first = 0;
    show();
  }

  section.querySelectorAll("th").forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.title = texts["sort by"];
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      // Numbers begin with the greatest.
      downwards = sorted === place ? !downwards : columns[place].kind === "number";
      sorted = place;
      section.querySelectorAll("th").forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", downwards ? "descending" : "ascending");
      choose();
    });
  });
  input.addEventListener("input", choose);
  previous.addEventListener("click", () => {
    first = Math.max(0, first - ROWS_A_PAGE);
    show();
  });
  next.addEventListener("click", () => {
    first += ROWS_A_PAGE;
    show();
  });
  section.querySelector(".controls").hidden = false;
  show();
}

document.querySelectorAll("section.data").forEach(liven);

// On paper nothing can be opened.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  closed.forEach((each) => { each.open = true; });
});
addEventListener("afterprint", () => {
  closed.forEach((each) => { each.open = false; });
});
