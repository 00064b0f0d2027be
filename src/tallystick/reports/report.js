"use strict";
(function () {
  const root = document.documentElement;
  const languages = ["zh", "en"];

  function asked() {
    const inHash = /^#(zh|en)(?:-|$)/.exec(location.hash);
    const inQuery = /[?&](?:lang=)?(zh|en)(?=$|&)/.exec(location.search);
    return inHash ? inHash[1] : inQuery ? inQuery[1] : null;
  }

  function edition(language) {
    return document.querySelector(".edition." + language);
  }

  function show(language) {
    document.getElementById("choose-" + language).checked = true;
    root.lang = edition(language).lang;
    document.title = edition(language).dataset.title;
  }

  // The part that is being read, so that a change of language does not lose the place.
  function partInView(language) {
    const parts = edition(language).querySelectorAll("[data-part]");
    let found = null;
    for (const part of parts) {
      if (part.getBoundingClientRect().top < innerHeight / 3) found = part.dataset.part;
    }
    return found;
  }

  let shown = asked() || ((navigator.language || "zh").toLowerCase().startsWith("zh") ? "zh" : "en");
  show(shown);
  if (/^#(zh|en)-/.test(location.hash)) {
    const target = document.getElementById(location.hash.slice(1));
    if (target) target.scrollIntoView();
  }

  for (const label of document.querySelectorAll(".switch label")) {
    label.addEventListener("pointerdown", function () {
      label.dataset.part = partInView(shown) || "";
    });
  }
  for (const language of languages) {
    document.getElementById("choose-" + language).addEventListener("change", function () {
      const label = document.querySelector(".switch .to-" + language);
      const part = label.dataset.part;
      label.dataset.part = "";
      shown = language;
      show(language);
      const target = part && document.getElementById(language + "-" + part);
      if (target) target.scrollIntoView();
    });
  }
  addEventListener("hashchange", function () {
    if (asked()) show((shown = asked()));
    const target = document.getElementById(location.hash.slice(1));
    if (target) target.scrollIntoView();
  });

  // On paper nothing can be unfolded: open everything, and fold it again afterwards.
  let folded = [];
  addEventListener("beforeprint", function () {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", function () {
    for (const one of folded) one.open = false;
  });
})();
