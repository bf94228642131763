// The quiz "real or fake?": one picture, two buttons. Python keeps the truth until it has the answer.

const PAUSE = 400; // milliseconds in which nothing is an answer: they hold the second half of a double click
const KEYS = { r: "real", arrowleft: "real", f: "fake", arrowright: "fake" };
const percent = (share) => `${(100 * share).toFixed(0)} %`;

function scoreText({ key: [, number], truth, answer, tally: [right, answers, low, high] }, finished) {
  const verdict = `${answer === truth ? "Right" : "Wrong"}: picture ${number - 1} was ${truth}.`;
  const score = `${right} of ${answers} right (${percent(right / answers)})`;
  const interval = `95 % interval: ${percent(low)} to ${percent(high)}`;
  let meaning = "inside of the interval: these answers cannot be told from guessing. More answers make it narrower.";
  if (low > 0.5) meaning = "below the interval: you are better than by guessing. The fakes fooled you little.";
  if (high < 0.5) meaning = "above the interval: you are worse than by guessing. The fakes look more real to you.";
  return [verdict, score, interval, finished ? `\n50 % lies ${meaning}` : ""].join("\n");
}

function render(context) {
  const { total } = context.model.get("given");
  const ariaLabel = "Real or fake? Press R or the left arrow for real, F or the right arrow for fake.";
  const area = element("div", context.el, ROW, { tabIndex: 0, className: "quiz", role: "group", ariaLabel });
  const picture = element("canvas", area, PICTURE, { className: "quiz-picture" });
  const side = element("div", area, { width: "360px", font: "14px sans-serif", lineHeight: "1.5" });
  const head = element("div", side, { fontWeight: "bold" }, { className: "quiz-head" });
  const bar = element("div", side, BAR);
  const makeReply = (text, answer) => makeButton(bar, text, () => reply(answer));
  const questions = [makeReply("Real", "real"), makeReply("Fake", "fake")];
  const again = makeReply("Start again", "again");
  questions.push(element("div", side, { opacity: 0.7 }, { textContent: "Keys: R or ← is real, F or → is fake." }));
  const score = element("div", side, { whiteSpace: "pre-line" }, { className: "quiz-score", ariaLive: "polite" });
  const problem = element("pre", side, ERROR, { className: "quiz-problem" });
  let key, since;

  function show(screen) {
    const focused = area.contains(document.activeElement);
    const finished = screen.key[1] > total;
    key = screen.key;
    since = performance.now();
    drawPicture(picture, screen.pictures[0]);
    head.textContent = finished ? "The end" : `Question ${key[1]} of ${total}`;
    score.textContent = screen.tally ? scoreText(screen, finished) : "";
    problem.textContent = screen.problem || "";
    questions.forEach((part) => (part.style.display = finished ? "none" : ""));
    again.style.display = finished ? "" : "none";
    if (focused) area.focus({ preventScroll: true }); // a hidden button would give the keys to JupyterLab
  }

  function reply(answer) {
    const milliseconds = performance.now() - since;
    if (milliseconds > PAUSE) ask([key, answer, Math.round(milliseconds / 10) / 100]);
  }

  const ask = makeAsker(context, show);
  area.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.stopPropagation(); // JupyterLab would make a raw cell at R, and delete the cell at D D, beside F
    const answer = KEYS[event.key.toLowerCase()];
    if (answer || (event.repeat && event.key === "Enter")) event.preventDefault(); // held, it would click on and on
    if (answer && !event.repeat) reply(answer);
  });
}
