// The quiz "real or fake?": one picture, two buttons. Python keeps the truth; here is only the picture that is on the screen.

const PAUSE = 400; // milliseconds after a new picture in which nothing is an answer: they hold the second half of a double click
const KEYS = { r: "real", arrowleft: "real", f: "fake", arrowright: "fake" };

function render({ model, el }) {
  const area = element("div", el, { display: "flex", flexWrap: "wrap", gap: "20px", padding: "8px", width: "fit-content" }, {
    tabIndex: 0, className: "quiz",
  });
  area.setAttribute("role", "group");
  area.setAttribute("aria-label", "Real or fake? Press R or the left arrow for real, F or the right arrow for fake.");
  const picture = greyCanvas(area, [28, 28], 28 * model.get("scale"), "quiz-picture");
  const side = element("div", area, { width: "360px", font: "14px sans-serif", lineHeight: "1.5" });
  const head = element("div", side, { fontWeight: "bold" }, { className: "quiz-head" });
  const row = element("div", side, { display: "flex", gap: "8px", margin: "10px 0" });
  const buttons = [["Real", "real"], ["Fake", "fake"], ["Start again", "again"]].map(([textContent, answer]) =>
    element("button", row, { width: "110px" }, { textContent, className: "jupyter-button", onclick: () => reply(answer) }));
  const hint = element("div", side, { opacity: 0.7, marginBottom: "10px" }, { textContent: "Keys: R or ← is real, F or → is fake." });
  const score = element("div", side, { whiteSpace: "pre-line" }, { className: "quiz-score" });
  score.setAttribute("aria-live", "polite");
  const problem = element("pre", side, { color: "#b00", whiteSpace: "pre-wrap" }, { className: "quiz-problem" });
  let since = 0;

  function reply(answer) {
    if (performance.now() - since > PAUSE) model.send({ shown: model.get("shown"), answer });
  }

  function draw() {
    const finished = model.get("finished");
    since = performance.now();
    drawGrey(picture, model.get("picture"));
    head.textContent = model.get("head");
    score.textContent = model.get("score");
    problem.textContent = model.get("problem");
    const focused = area.contains(document.activeElement);
    [!finished, !finished, finished].forEach((shown, i) => (buttons[i].style.display = shown ? "" : "none"));
    hint.style.display = finished ? "none" : "";
    if (focused) area.focus({ preventScroll: true }); // a hidden button would give the keys to JupyterLab
  }

  area.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.stopPropagation(); // JupyterLab would make a raw cell at R, and delete the cell at D D, beside F
    const answer = KEYS[event.key.toLowerCase()];
    if (answer || (event.repeat && event.key === "Enter")) event.preventDefault(); // a held Enter would click again and again
    if (answer && !event.repeat) reply(answer);
  });

  model.on("change:shown", draw);
  draw();
  return () => model.off("change:shown", draw);
}

export default { render };
