// What the scripts share. Python puts this text before each of them, because a widget's script is one text.
// `model` holds `given`, which never changes; `place`, [a place, when it was sent], which a script sets; and Python's
// `answer` to it: a count, an error's message, and the result, which is [a picture] in most widgets.

export default { render }; // each script's own

const ROW = { display: "flex", flexWrap: "wrap", gap: "16px", alignItems: "flex-start" };
const BAR = { ...ROW, gap: "6px", alignItems: "center", marginBottom: "8px" };
const PICTURE = { width: "224px", imageRendering: "pixelated" };
const ERROR = { color: "#b00", whiteSpace: "pre-wrap" };

function element(kind, parent, style = {}, properties = {}) {
  const made = Object.assign(document.createElement(kind), properties);
  Object.assign(made.style, style);
  parent.appendChild(made);
  return made;
}

function makeButton(parent, textContent, onclick) {
  const properties = { type: "button", className: "jupyter-button", textContent, onclick };
  return element("button", parent, { width: "auto", padding: "0 10px" }, properties);
}

// Add buttons of which one is chosen, the `number` of what is returned. `clicked` is called after a click.
function makeChoice(parent, names, clicked = () => {}) {
  const choice = { choose };
  const buttons = names.map((name, number) => makeButton(parent, name, () => clicked(choose(number))));

  function choose(chosen) {
    choice.number = chosen;
    buttons.forEach((button, number) => {
      button.ariaPressed = String(number === chosen);
      button.classList.toggle("mod-active", number === chosen); // JupyterLab's look
    });
  }
  return choice;
}

// Draw a picture: its shape is [height, width] or [height, width, 3], its values are bytes.
function drawPicture(canvas, { shape: [height, width, channels = 1], values }) {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    const colours = [0, 1, 2].map((channel) => bytes[channels * i + (channel % channels)]);
    image.data.set([...colours, 255], 4 * i);
  }
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Return a function that asks Python about a place. A new place is sent only when the answer to the last one is there,
// so that a fast hand never fills the kernel's queue. `show` gets each result, and its place if another view chose it.
function makeAsker({ model, el }, show) {
  const message = element("pre", el, ERROR);
  let next = null; // [the place to send]
  let since = null; // when the place was sent whose answer is on its way

  function send() {
    if (next === null || since !== null) return;
    since = performance.now();
    model.set("place", [...next, since]);
    model.save_changes();
    next = null;
  }

  function answered() {
    const others = since === null ? model.get("place")[0] : undefined;
    if (since !== null) el.dataset.milliseconds = (performance.now() - since).toFixed(1); // for the browser test
    since = null;
    message.textContent = model.get("answer").message;
    show(model.get("answer").result, others);
    send();
  }

  model.on("change:answer", answered);
  answered();
  return (place) => {
    next = [place];
    send();
  };
}

// Add a canvas, and call `move(x, y, pressed)`, in its pixels, while left button, pen or one finger is down on it.
function makeSheet(parent, style, properties, move) {
  const look = { border: "1px solid #888", cursor: "crosshair", touchAction: "none", userSelect: "none", ...style };
  const sheet = element("canvas", parent, look, { tabIndex: 0, role: "application", ...properties });
  let pointer = null; // a second finger, or the hand beside the pen, does nothing

  function follow(event) {
    if (event.pointerId !== pointer) return;
    const box = sheet.getBoundingClientRect();
    const x = ((event.clientX - box.left - sheet.clientLeft) / sheet.clientWidth) * sheet.width;
    const y = ((event.clientY - box.top - sheet.clientTop) / sheet.clientHeight) * sheet.height;
    move(x, y, event.type === "pointerdown");
  }

  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || pointer !== null) return;
    pointer = event.pointerId;
    sheet.setPointerCapture(pointer);
    follow(event);
  });
  sheet.addEventListener("pointermove", follow);
  sheet.addEventListener("lostpointercapture", (event) => (pointer = event.pointerId === pointer ? null : pointer));
  return sheet;
}

// Add a square (or flat) field on which a point is moved by pointer or arrow keys, and beside it the place's picture.
// `side` and `edge` (around it) are in pixels; `toShares` and `toPlace` turn a place into shares of the side and back.
function makeField(context, { name, ariaLabel, side, edge = 0, flat = false, ...own }) {
  const row = element("div", context.el, ROW);
  const size = { width: side + 2 * edge, height: (flat ? 0 : side) + 2 * edge };
  const sheet = makeSheet(row, { background: "white" }, { ...size, ariaLabel, className: `${name}-field` }, moveTo);
  const beside = element("div", row);
  const picture = element("canvas", beside, PICTURE, { className: `${name}-picture` });
  const text = element("div", beside, { font: "13px monospace", whiteSpace: "pre" }, { className: `${name}-place` });
  const toPixel = (place) => own.toShares(place).map((share) => edge + side * share);
  let place;

  function draw(chosen) {
    place = chosen;
    const pen = sheet.getContext("2d");
    pen.clearRect(0, 0, size.width, size.height);
    own.drawBehind(pen, toPixel);
    pen.lineWidth = 3;
    pen.strokeStyle = "black";
    pen.beginPath();
    pen.arc(...toPixel(place), 7, 0, 2 * Math.PI);
    pen.stroke();
    text.textContent = own.describe(place);
  }

  function moveTo(...pixel) {
    draw(own.toPlace(...pixel.map((value) => Math.min(1, Math.max(0, (value - edge) / side)))));
    ask([place]);
  }

  const ask = makeAsker(context, ([first], others) => {
    drawPicture(picture, first);
    if (others) draw(others[0]);
  });
  sheet.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to another cell
    moveTo(...toPixel(place).map((value, axis) => value + move[axis]));
  });
  return beside;
}
