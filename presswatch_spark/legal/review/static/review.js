"use strict";
// Keys for what buttons and links do as well. The page works without this script.
const form = document.getElementById("judge");
let isSent = false;

for (const id of ["article-text", "page-text"]) {
  const text = document.getElementById(id);
  const first = text && text.querySelector("mark");
  if (first) {
    text.scrollTop = Math.max(0, first.offsetTop - text.offsetTop - 48);
  }
}

// A verdict is written once, however often a button is pressed.
if (form) {
  form.addEventListener("submit", (event) => {
    if (isSent) {
      event.preventDefault();
    }
    isSent = true;
  });
}

// Who comes back with the browser's own button may judge again.
window.addEventListener("pageshow", () => {
  isSent = false;
});

function follow(id) {
  const link = document.getElementById(id);
  if (link) {
    link.click();
  }
}

document.addEventListener("keydown", (event) => {
  // A key that is held down would judge claims that nobody has looked at.
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) {
    return;
  }
  const isTyping = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
  if (isTyping) {
    if (event.key === "Escape") {
      event.target.blur();
    }
    return;
  }
  if (event.key === "j") {
    follow("next");
  } else if (event.key === "k") {
    follow("previous");
  } else if (event.key === "n" && form) {
    event.preventDefault();
    form.elements.note.focus();
  } else if (form) {
    const button = form.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
    if (button) {
      button.click();
    }
  }
});
