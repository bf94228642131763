// The GAN laboratory: a reader draws points; Python trains two small networks for them, and answers with the
// discriminator's opinion of the plane, arrows (the generator's fakes, and the push on each), and a text.

const SIDE = 800; // pixels of the plane, two for one of the screen; it goes from -1 to 1
const GAP = 0.04; // between two points of a stroke
const [PUSH, LONGEST] = [16, 48]; // pixels of a push of strength 1, and of the strongest
const [REAL, FAKE] = [[44, 160, 44], [227, 119, 194]]; // as in all figures of the course
const NO_POINTS = "There are no points to imitate. Draw some on the plane with mouse, finger or pen.";

function toRows(view, width) {
  const values = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  return Array.from({ length: values.length / width }, (_, row) => [...values.slice(row * width, (row + 1) * width)]);
}

// Turn probabilities into a picture: green above 0.5, white at it, pink below.
function inColour({ shape, values }) {
  const colours = new Uint8Array(3 * values.byteLength);
  for (let i = 0; i < colours.length; i++) {
    const share = values.getUint8(Math.floor(i / 3)) / 127.5 - 1;
    colours[i] = 255 - 0.6 * Math.abs(share) * (255 - (share > 0 ? REAL : FAKE)[i % 3]);
  }
  return { shape: [...shape, 3], values: colours };
}

function render(context) {
  const opinion = document.createElement("canvas");
  let [points, running] = [[], false];
  let result, last; // Python's answer, and the last point of a stroke

  const bar = element("div", context.el, BAR);
  const size = { width: SIDE, height: SIDE, tabIndex: -1, role: "img" }; // it takes no keys
  const properties = { ...size, className: "lab-plane", ariaLabel: "Plane to draw points on" };
  const sheet = makeSheet(context.el, { width: `${SIDE / 2}px` }, properties, drawTo);
  const look = { font: "13px monospace", whiteSpace: "pre-wrap", minHeight: "3em" };
  const text = element("div", context.el, look, { className: "lab-text" });

  function draw() {
    const pen = sheet.getContext("2d");
    const arrows = toRows(result.arrows, 4);
    const toPixels = ([x, y]) => [((1 + x) * SIDE) / 2, ((1 - y) * SIDE) / 2];
    const cell = SIDE / (opinion.width - 1); // from one probability to the next
    Object.assign(pen, { imageSmoothingQuality: "high", strokeStyle: "#333", lineWidth: 2 });
    pen.drawImage(opinion, -cell / 2, -cell / 2, SIDE + cell, SIDE + cell);
    pen.beginPath();
    for (const [x, y, right, up] of arrows) {
      const scale = (2 / SIDE) * Math.min(PUSH, LONGEST / Math.hypot(right, up));
      pen.moveTo(...toPixels([x, y]));
      pen.lineTo(...toPixels([x + scale * right, y + scale * up]));
    }
    pen.stroke();
    for (const [places, colour] of [[points, REAL], [arrows, FAKE]]) {
      pen.fillStyle = `rgb(${colour})`;
      for (const place of places) {
        pen.beginPath();
        pen.arc(...toPixels(place), 6, 0, 2 * Math.PI);
        pen.fill();
        pen.stroke();
      }
    }
    text.textContent = points.length ? result.text : NO_POINTS;
  }

  function drawTo(x, y, pressed) {
    const place = [(2 * x) / SIDE - 1, 1 - (2 * y) / SIDE];
    const way = place.map((value, axis) => (pressed ? 0 : value - last[axis]));
    const count = pressed ? 1 : Math.floor(Math.hypot(...way) / GAP); // a fast hand is seen in few places
    for (let left = count - 1; left >= 0; left--) {
      const point = place.map((value, axis) => value - (left / count) * way[axis]);
      if (Math.max(...point.map(Math.abs)) <= 1) points.push(point);
    }
    if (count) last = place;
    draw();
  }

  function train(players, goOn = false) { // no players: a pause
    running = goOn && points.length > 0;
    runButton.textContent = running ? "Pause" : "Run";
    if (points.length ? players : players === "restart") ask([new Float32Array(points.flat()), players]);
  }

  makeButton(bar, "Train discriminator", () => train("discriminator"));
  makeButton(bar, "Train generator", () => train("generator"));
  const runButton = makeButton(bar, "Run", () => (running ? train() : train("both", true)));
  makeButton(bar, "Restart networks", () => train("restart"));
  makeButton(bar, "Clear points", () => {
    points = [];
    train();
    draw();
  });
  const ask = makeAsker(context, (answer, others) => {
    result = answer;
    drawPicture(opinion, inColour(result.opinion));
    if (others) points = toRows(others[0], 2);
    draw();
    if (running && context.model.get("answer").message) train();
    else if (running) train("both", true);
  });
  return () => train(); // when the view is closed
}
